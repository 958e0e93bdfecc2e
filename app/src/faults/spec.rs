//! Faults and their syntax. The same text is
//! the body of `PUT /faults` on the admin listener and the value of a request's `x-app-fault` header:
//!
//! ```text
//! percent=10 status=503 latency=250ms
//! latency=uniform(50ms,200ms) abort
//! not-ready memory=64MiB cpu=2
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use actix_http::StatusCode;
use thiserror::Error;

use crate::request_id;
use crate::settings::parse;

/// The longest text that is parsed.
const MAX_BYTES: usize = 512;
/// The longest delay.
const MAX_LATENCY: Duration = Duration::from_mins(5);
/// The most memory that is allocated: more than any sensible limit of this pod.
const MAX_MEMORY: usize = 1 << 30;
/// The most threads that burn CPU.
const MAX_CPU: usize = 64;

/// The distribution of delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latency {
    /// Always this long.
    Fixed(Duration),
    /// Uniformly distributed between the bounds.
    Uniform(Duration, Duration),
    /// Exponentially distributed with this mean, like waiting times in queues.
    Exponential(Duration),
}

/// Faults of requests and of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The percentage of requests that are affected; all if it is absent.
    pub percent: Option<u8>,
    /// The status they are answered with.
    pub status: Option<u16>,
    /// The delay of their response.
    pub latency: Option<Latency>,
    /// Whether their connection is reset instead.
    pub abort: bool,
    /// Whether `/readyz` fails.
    pub not_ready: bool,
    /// Memory that is held, in bytes.
    pub memory_bytes: usize,
    /// Threads that burn CPU.
    pub cpu: usize,
}

/// Why a text does not name faults.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultError {
    /// Too long.
    #[error("longer than {MAX_BYTES} bytes")]
    TooLong,
    /// An unknown fault.
    #[error(
        "unknown fault `{0}`: expected percent=, status=, latency=, abort, not-ready, memory= or cpu="
    )]
    Unknown(String),
    /// The value of a fault is invalid.
    #[error("{key}: {message}")]
    Value {
        /// Which fault.
        key: &'static str,
        /// What was expected.
        message: String,
    },
}

impl Faults {
    /// Whether any request is affected.
    pub fn affects_requests(&self) -> bool {
        self.status.is_some() || self.latency.is_some() || self.abort
    }

    /// Whether request `number` is affected.
    pub(crate) fn picks(&self, number: u64) -> bool {
        self.percent
            .is_none_or(|percent| request_id::mix(number) % 100 < u64::from(percent))
    }

    /// The delay of the response to request `number`.
    pub(crate) fn delay(&self, number: u64) -> Duration {
        // 32 bits are an exact fraction in a float.
        let fraction = f64::from((request_id::mix(!number) >> 32) as u32) / f64::from(u32::MAX);
        match self.latency {
            None => Duration::ZERO,
            Some(Latency::Fixed(delay)) => delay,
            Some(Latency::Uniform(least, most)) => {
                least + most.saturating_sub(least).mul_f64(fraction)
            }
            Some(Latency::Exponential(mean)) => {
                // The largest of four thousand million draws is 22 times the mean.
                mean.mul_f64(-(1.0 - fraction).max(f64::from(u32::MAX).recip()).ln())
            }
        }
        .min(MAX_LATENCY)
    }
}

impl FromStr for Faults {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        if text.len() > MAX_BYTES {
            return Err(FaultError::TooLong);
        }
        let mut faults = Self::default();
        for word in words(text) {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let wrong = |key| move |message| FaultError::Value { key, message };
            match (key, value) {
                ("percent", value) => {
                    let percent = parse::count(value, 0, 100).map_err(wrong("percent"))?;
                    faults.percent = Some(percent);
                }
                ("status", value) => {
                    let status = parse::count(value, 400, 599).map_err(wrong("status"))?;
                    faults.status = StatusCode::from_u16(status)
                        .ok()
                        .map(|known| known.as_u16());
                }
                ("latency", value) => {
                    faults.latency = Some(latency(value).map_err(wrong("latency"))?);
                }
                ("abort", "") => faults.abort = true,
                ("not-ready", "") => faults.not_ready = true,
                ("memory", value) => {
                    faults.memory_bytes = parse::bytes(value)
                        .and_then(|size| {
                            if size <= MAX_MEMORY {
                                Ok(size)
                            } else {
                                Err("at most 1GiB".to_owned())
                            }
                        })
                        .map_err(wrong("memory"))?;
                }
                ("cpu", value) => {
                    faults.cpu = parse::count(value, 0, MAX_CPU).map_err(wrong("cpu"))?;
                }
                _ => return Err(FaultError::Unknown(word.chars().take(40).collect())),
            }
        }
        Ok(faults)
    }
}

/// The words of a text; a parenthesis keeps its words together.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |char: char| {
        match char {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (char.is_whitespace() || char == ';' || char == ',')
    })
    .filter(|word| !word.is_empty())
}

fn latency(text: &str) -> Result<Latency, String> {
    let inside = |name: &str| {
        text.strip_prefix(name)?
            .strip_prefix('(')?
            .strip_suffix(')')
    };
    let short = |text: &str| {
        parse::duration(text.trim()).and_then(|delay| {
            if delay <= MAX_LATENCY {
                Ok(delay)
            } else {
                Err("at most 300s".to_owned())
            }
        })
    };
    if let Some(bounds) = inside("uniform") {
        let (least, most) = bounds
            .split_once(',')
            .ok_or("expected two bounds, as in uniform(50ms,200ms)")?;
        let (least, most) = (short(least)?, short(most)?);
        if least > most {
            return Err("the first bound must not exceed the second".to_owned());
        }
        return Ok(Latency::Uniform(least, most));
    }
    if let Some(mean) = inside("exponential") {
        return Ok(Latency::Exponential(short(mean)?));
    }
    short(text).map(Latency::Fixed)
}

impl fmt::Display for Latency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(delay) => write!(out, "{}ms", delay.as_millis()),
            Self::Uniform(least, most) => {
                write!(
                    out,
                    "uniform({}ms,{}ms)",
                    least.as_millis(),
                    most.as_millis()
                )
            }
            Self::Exponential(mean) => write!(out, "exponential({}ms)", mean.as_millis()),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        words.extend(self.percent.map(|percent| format!("percent={percent}")));
        words.extend(self.status.map(|status| format!("status={status}")));
        words.extend(self.latency.map(|latency| format!("latency={latency}")));
        words.extend(self.abort.then(|| "abort".to_owned()));
        words.extend(self.not_ready.then(|| "not-ready".to_owned()));
        words.extend((self.memory_bytes > 0).then(|| format!("memory={}", self.memory_bytes)));
        words.extend((self.cpu > 0).then(|| format!("cpu={}", self.cpu)));
        out.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, written: &str) {
        let faults: Faults = text.parse().unwrap();
        assert_eq!(faults.to_string(), written);
        assert_eq!(
            written.parse::<Faults>().unwrap(),
            faults,
            "the output can be parsed again"
        );
    }

    #[test]
    fn faults_are_parsed_and_formatted() {
        check("", "");
        check("percent=10, status=503", "percent=10 status=503");
        check("latency=250ms;abort", "latency=250ms abort");
        check(
            "latency=uniform(50ms, 1s) not-ready",
            "latency=uniform(50ms,1000ms) not-ready",
        );
        check(
            "latency=exponential(20ms) memory=1MiB cpu=2",
            "latency=exponential(20ms) memory=1048576 cpu=2",
        );
    }

    #[test]
    fn invalid_faults_are_refused() {
        for bad in [
            "status=200",
            "status=99",
            "percent=101",
            "latency=5",
            "latency=uniform(2s,1s)",
            "latency=301s",
            "abort=1",
            "explode",
            "memory=2048MiB",
            "cpu=65",
            "uniform(",
            "=",
        ] {
            assert!(bad.parse::<Faults>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_percentage_is_kept() {
        let faults: Faults = "percent=10".parse().unwrap();
        let picked = (0..10_000).filter(|number| faults.picks(*number)).count();
        assert!((800..1200).contains(&picked), "{picked}");
    }

    #[test]
    fn distributions_have_their_shape() {
        let mean = |text: &str| {
            let faults: Faults = text.parse().unwrap();
            (0..10_000)
                .map(|number| faults.delay(number))
                .sum::<Duration>()
                / 10_000
        };
        let near = |found: Duration, millis: u64| {
            let wanted = Duration::from_millis(millis);
            assert!(
                found > wanted * 9 / 10 && found < wanted * 11 / 10,
                "{found:?}"
            );
        };
        near(mean("latency=100ms"), 100);
        near(mean("latency=uniform(50ms,150ms)"), 100);
        near(mean("latency=exponential(100ms)"), 100);
    }
}
