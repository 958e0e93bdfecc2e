//! The wall clock and the formats of a time. No other module reads the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS_A_DAY: u64 = 86_400;

/// Time since 1970, UTC.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the wall clock"
)]
pub(crate) fn unix_now() -> Duration {
    // A clock before 1970 is broken; the logs then show 1970.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A time since 1970 in the format of RFC 3339, in UTC and with microseconds.
pub(crate) fn rfc3339(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (days, second) = (seconds / SECONDS_A_DAY, seconds % SECONDS_A_DAY);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since_1970.subsec_micros()
    )
}

/// A date in HTTP's format.
pub(crate) type HttpDate = [u8; 29];

/// A second since 1970 in HTTP's format (RFC 9110 §5.6.7, IMF-fixdate). The format ends with the year
/// 9999: its last second stands for all later ones.
pub(crate) fn http_date(second: u64) -> HttpDate {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    const LAST: u64 = 253_402_300_799;
    let second = second.min(LAST);
    let (days, of_day) = (second / SECONDS_A_DAY, second % SECONDS_A_DAY);
    let (year, month, day) = civil(days);
    let text = format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[((month + 11) % 12) as usize],
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    );
    let bytes = text.as_bytes().try_into();
    bytes.expect("every part has its width, up to the year 9999")
}

/// Year, month and day of a day since 1970, in the Gregorian calendar: years are counted from March,
/// so that a leap day comes last (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (
        year + era * 400 + if month <= 2 { 1 } else { 0 },
        month,
        day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: u64, text: &str) {
        assert_eq!(rfc3339(Duration::from_secs(seconds)), text);
    }

    #[test]
    fn times_are_written_as_rfc_3339() {
        check(0, "1970-01-01T00:00:00.000000Z");
        check(951_782_400, "2000-02-29T00:00:00.000000Z");
        check(1_735_689_599, "2024-12-31T23:59:59.000000Z");
        check(4_107_542_400, "2100-03-01T00:00:00.000000Z");
    }

    #[test]
    fn times_are_written_in_the_format_of_http() {
        let check = |second, text: &str| assert_eq!(http_date(second), text.as_bytes());
        check(0, "Thu, 01 Jan 1970 00:00:00 GMT");
        // RFC 9110's own example.
        check(784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT");
        check(951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT");
        check(u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
