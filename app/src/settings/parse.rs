//! Parses the values of settings. An error contains what was expected.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use actix_http::Uri;

/// The longest duration that a setting accepts. A longer one is most likely in another unit.
const MAX_DURATION: Duration = Duration::from_hours(24);

pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("invalid address `{text}`: expected one with a port, such as 0.0.0.0:5000")
    })
}

/// `150s`, `250ms`, `2m`, `1h`; a bare number has no unit and is refused.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let wrong = || format!("invalid duration `{text}`: expected 150s, 250ms, 2m or 1h");
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let millis_per_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    count
        .checked_mul(millis_per_unit)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| format!("`{text}` is longer than a day"))
}

/// A duration other than 0, which would close every connection at once.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be longer than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// `16384`, `16KiB`, `1MiB`, `1GiB`.
pub(crate) fn bytes(text: &str) -> Result<usize, String> {
    let split = text
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let wrong = || format!("invalid size `{text}`: expected 16384, 16KiB, 1MiB or 1GiB");
    let count: usize = digits.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    count
        .checked_mul(factor)
        .ok_or_else(|| format!("`{text}` is too large"))
}

/// A whole number within bounds, both included.
pub(crate) fn count<N>(text: &str, least: N, most: N) -> Result<N, String>
where
    N: Copy + FromStr + PartialOrd + std::fmt::Display,
{
    match text.parse::<N>() {
        Ok(count) if count >= least && count <= most => Ok(count),
        _ => Err(format!(
            "invalid number `{text}`: expected one from {least} to {most}"
        )),
    }
}

pub(crate) fn switch(text: &str) -> Result<bool, String> {
    choice(text, &[("on", true), ("off", false)])
}

/// One of several words.
pub(crate) fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            format!(
                "invalid value `{text}`: expected one of {}",
                words.join(", ")
            )
        })
}

/// A collector's base URL. Credentials belong in headers: the URL is logged.
pub(crate) fn collector(text: &str) -> Result<String, String> {
    if cfg!(feature = "otlp") && !cfg!(feature = "otlp-tls") && text.starts_with("https://") {
        return Err(
            "https needs the feature otlp-tls; or send to a collector in the cluster \
             by http://, which can speak TLS to the outside"
                .to_owned(),
        );
    }
    let is_valid = |uri: &Uri| {
        let scheme = uri.scheme_str();
        uri.host().is_some_and(|host| !host.is_empty())
            && (scheme == Some("http") || scheme == Some("https"))
            && uri.query().is_none()
            && uri
                .authority()
                .is_some_and(|authority| !authority.as_str().contains('@'))
    };
    text.parse()
        .ok()
        .filter(is_valid)
        .map(|_| text.to_owned())
        .ok_or_else(|| format!("invalid URL `{text}`: expected one such as http://collector:4318"))
}
