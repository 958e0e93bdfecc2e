//! The part of a log to show: how far back, and how many lines.

use std::time::Duration;

/// A duration as Go writes it, such as `1h30m` or `1.5s`, and with days.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let mut rest = Some(text).filter(|text| !text.is_empty())?;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, units) = rest.split_at(unit_at);
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let unit_end = units.find(is_number).unwrap_or(units.len());
        let (unit, after) = units.split_at(unit_end);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let number: f64 = number
            .chars()
            .all(is_number)
            .then(|| number.parse())?
            .ok()?;
        sum = sum.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = after;
    }
    Some(sum)
}

/// How many of the last lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All, written -1.
    All,
    /// This many.
    Last(usize),
}

impl Tail {
    /// The number of lines, if it is limited.
    pub fn limit(self) -> Option<usize> {
        match self {
            Self::All => None,
            Self::Last(lines) => Some(lines),
        }
    }
}

impl std::str::FromStr for Tail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "-1" => Ok(Self::All),
            _ => text
                .parse()
                .map(Self::Last)
                .map_err(|_| "expected a number of lines, or -1 for all".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command, Since};

    #[test]
    fn since_is_a_time_or_a_duration_as_go_writes_it() {
        let ago = |text: &str| match text.parse() {
            Ok(Since::Ago(duration)) => Some(duration.as_millis()),
            _ => None,
        };
        for (text, ms) in [
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1500),
            ("1m500ms", 60_500),
            ("2d", 172_800_000),
            ("0s", 0),
        ] {
            assert_eq!(ago(text), Some(ms), "{text}");
        }
        for text in ["", "1", "h", "1x", "1h30", "-1s", "1h 30m", "1..s", "é"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_tail_of_minus_one_is_the_whole_log() {
        let cli = |tail| Cli::try_parse_from(["nodectl", "logs", "web", "--tail", tail]);
        let tail = |text| match cli(text).unwrap().command {
            Command::Logs(args) => args.tail.unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(tail("-1"), Tail::All);
        assert_eq!(tail("3"), Tail::Last(3));
        assert!(cli("-2").is_err());
    }
}
