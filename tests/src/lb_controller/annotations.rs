//! Annotations, as the controllers and Elastic Load Balancing read them: numbers out of range and
//! unknown attributes are refused, unknown annotations are ignored.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::refused::Refused;
use crate::lb::{HealthCheck, Probe, Scale, WhenUnhealthy};

/// The annotations of an object below a prefix.
#[derive(Clone, Debug)]
pub(super) struct Annotations<'a> {
    object: &'a Value,
    prefix: &'static str,
    scale: Scale,
}

/// The names of the health check's annotations, which differ between NLB and ALB.
pub(super) struct CheckNames {
    pub(super) interval: &'static str,
    pub(super) timeout: &'static str,
    pub(super) healthy: &'static str,
    pub(super) unhealthy: &'static str,
    pub(super) codes: &'static str,
}

/// Attributes: `NAME=VALUE,NAME=VALUE`.
#[derive(Clone, Debug)]
pub(super) struct Attributes {
    list: BTreeMap<String, String>,
    scale: Scale,
}

impl<'a> Annotations<'a> {
    pub(super) fn of(object: &'a Value, prefix: &'static str, scale: Scale) -> Self {
        Self {
            object,
            prefix,
            scale,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.object["metadata"]["annotations"][format!("{}{name}", self.prefix)].as_str()
    }

    /// One of several words.
    pub(super) fn one_of<'w>(
        &self,
        name: &str,
        words: &[&'w str],
        default: &'w str,
    ) -> Result<&'w str, Refused> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let found = words.iter().find(|word| word.eq_ignore_ascii_case(value));
        found
            .copied()
            .ok_or_else(|| Refused::build(&format!("unknown {}{name}: {value}", self.prefix)))
    }

    fn number(
        &self,
        name: &str,
        range: &RangeInclusive<u32>,
        default: u32,
    ) -> Result<u32, Refused> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let number = value.parse().map_err(|_| {
            Refused::build(&format!(
                "failed to parse int32 annotation, {}{name}: {value}",
                self.prefix
            ))
        })?;
        if range.contains(&number) {
            return Ok(number);
        }
        Err(Refused::deploy(&format!(
            "ValidationError: {}{name} must be between {} and {}",
            self.prefix,
            range.start(),
            range.end()
        )))
    }

    /// The attributes in an annotation, each of which has to be known.
    pub(super) fn attributes(&self, name: &str, known: &[&str]) -> Result<Attributes, Refused> {
        let mut list = BTreeMap::new();
        for pair in self.get(name).unwrap_or_default().split(',') {
            if pair.trim().is_empty() {
                continue;
            }
            let (key, value) = pair.split_once('=').ok_or_else(|| {
                Refused::build(&format!(
                    "failed to parse stringMap annotation, {}{name}: {pair}",
                    self.prefix
                ))
            })?;
            let key = key.trim().to_owned();
            if !known.contains(&key.as_str()) {
                return Err(Refused::deploy(&format!(
                    "InvalidConfigurationRequest: attribute key '{key}' is not recognized"
                )));
            }
            list.insert(key, value.trim().to_owned());
        }
        Ok(Attributes {
            list,
            scale: self.scale,
        })
    }

    /// The health check, with `default` for missing annotations.
    pub(super) fn check(
        &self,
        names: &CheckNames,
        default: (u32, u32, u32, u32),
        probe: Option<Probe>,
    ) -> Result<HealthCheck, Refused> {
        let interval = self.number(names.interval, &(5..=300), default.0)?;
        let timeout = self.number(names.timeout, &(2..=120), default.1)?;
        if timeout >= interval {
            return Err(Refused::deploy(&format!(
                "ValidationError: Health check timeout '{timeout}' must be smaller than the \
                 interval '{interval}'"
            )));
        }
        let port = match self.get("healthcheck-port") {
            None | Some("traffic-port") => None,
            Some(port) => Some(port.parse().map_err(|_| {
                Refused::build(&format!("health check port {port} has to be a number"))
            })?),
        };
        let path = self.get("healthcheck-path").unwrap_or("/");
        if !path.starts_with('/') {
            return Err(Refused::deploy(&format!(
                "ValidationError: Health check path '{path}' must begin with a '/' character"
            )));
        }
        let codes = codes(self.get(names.codes).unwrap_or("200-399"))?;
        Ok(HealthCheck {
            probe: probe.unwrap_or_else(|| Probe::Http {
                path: path.to_owned(),
                codes,
            }),
            port,
            interval: self.scale.seconds(interval),
            timeout: HealthCheck::timeout(self.scale, timeout),
            healthy_threshold: self.number(names.healthy, &(2..=10), default.2)?,
            unhealthy_threshold: self.number(names.unhealthy, &(2..=10), default.3)?,
        })
    }
}

impl Attributes {
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Refused> {
        match self.list.get(name).map(String::as_str) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(invalid(name, other)),
        }
    }

    /// Seconds, scaled.
    pub(super) fn seconds(
        &self,
        name: &str,
        range: &RangeInclusive<u32>,
        default: u32,
    ) -> Result<Duration, Refused> {
        let seconds = match self.list.get(name) {
            None => default,
            Some(value) => {
                let number = value.parse().ok().filter(|number| range.contains(number));
                number.ok_or_else(|| invalid(name, value))?
            }
        };
        Ok(self.scale.seconds(seconds))
    }

    /// What happens to the live connections of a target that turns unhealthy.
    pub(super) fn when_unhealthy(&self) -> Result<WhenUnhealthy, Refused> {
        let state = "target_health_state.unhealthy";
        let terminate = self.flag(&format!("{state}.connection_termination.enabled"), true)?;
        let name = format!("{state}.draining_interval_seconds");
        let interval = self.seconds(&name, &(0..=360_000), 0)?;
        Ok(if terminate {
            WhenUnhealthy::Reset
        } else {
            WhenUnhealthy::Drain(interval)
        })
    }
}

fn invalid(name: &str, value: &str) -> Refused {
    Refused::deploy(&format!(
        "InvalidConfigurationRequest: attribute '{name}' has an invalid value: {value}"
    ))
}

/// `200`, `200-399` or `200,302`.
fn codes(text: &str) -> Result<Vec<RangeInclusive<u16>>, Refused> {
    let parsed = text.split(',').map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u16>().ok();
        Some(number(first)?..=number(last)?)
    });
    let parsed: Option<Vec<_>> = parsed.collect();
    parsed.ok_or_else(|| {
        Refused::deploy(&format!(
            "ValidationError: Health check matcher '{text}' is not valid"
        ))
    })
}
