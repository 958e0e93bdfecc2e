//! How a load balancer behaves, and AWS's figures for it.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How many times faster than at AWS time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(pub u32);

impl Scale {
    /// The time that takes `seconds` at AWS.
    pub fn seconds(self, seconds: u32) -> Duration {
        Duration::from_secs(u64::from(seconds)) / self.0
    }
}

/// The request of a health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The target has to accept a connection.
    Tcp,
    /// The target has to answer a `GET` of this path with one of these status codes.
    Http {
        /// The path.
        path: String,
        /// The status codes that pass the check.
        codes: Vec<RangeInclusive<u16>>,
    },
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// The request.
    pub probe: Probe,
    /// The port of the checks, if it is not that of the traffic.
    pub port: Option<u16>,
    /// The interval between checks.
    pub interval: Duration,
    /// A check that has no response after this time has failed.
    pub timeout: Duration,
    /// Passed checks in a row that make a target healthy.
    pub healthy_threshold: u32,
    /// Failed checks in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
}

impl HealthCheck {
    /// The timeout that is `seconds` at AWS, with a minimum so that a busy machine does not make targets
    /// unhealthy.
    pub(crate) fn timeout(scale: Scale, seconds: u32) -> Duration {
        scale.seconds(seconds).max(Duration::from_secs(2))
    }
}

/// What happens to the live connections of a target that becomes unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnhealthy {
    /// They are reset at once: AWS's default.
    Reset,
    /// They stay open for this time: `connection_termination.enabled=false` with a
    /// `draining_interval_seconds`.
    Drain(Duration),
}

/// What is balanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Connections, as an NLB does.
    Connections,
    /// Requests, over kept connections to the targets, as an ALB does.
    Requests,
}

/// Everything that can be set about a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What is balanced.
    pub layer: Layer,
    /// The check of every target.
    pub check: HealthCheck,
    /// From a target's registration to its first check.
    pub registration: Duration,
    /// How long new connections keep going to a target after it was deregistered.
    pub deregistration_lag: Duration,
    /// How long new connections keep going to a target after it was found unhealthy.
    pub unhealthy_lag: Duration,
    /// What happens to live connections then.
    pub when_unhealthy: WhenUnhealthy,
    /// How long a deregistered target's live connections are guaranteed to stay open.
    pub deregistration_delay: Duration,
    /// They are reset after that.
    pub reset_after_deregistration: bool,
    /// A connection that is idle for this time is reset.
    pub idle_timeout: Duration,
    /// Connections to targets, those of checks among them, begin with a PROXY protocol v2 header.
    pub proxy_protocol: bool,
}

impl Rules {
    /// An NLB with default settings, checking `path` over HTTP, without the minutes that a
    /// registration takes.
    ///
    /// Interval 10 s, thresholds 3, deregistration delay 300 s and idle timeout 350 s are AWS's
    /// defaults; the two lags are users' measurements, named in the module's text.
    pub fn nlb(path: &str, scale: Scale) -> Self {
        Self {
            layer: Layer::Connections,
            check: HealthCheck {
                probe: Probe::Http {
                    path: path.to_owned(),
                    codes: vec![200..=399],
                },
                port: None,
                interval: scale.seconds(10),
                timeout: HealthCheck::timeout(scale, 6),
                healthy_threshold: 3,
                unhealthy_threshold: 3,
            },
            registration: Duration::ZERO,
            deregistration_lag: scale.seconds(120),
            unhealthy_lag: scale.seconds(40),
            when_unhealthy: WhenUnhealthy::Reset,
            deregistration_delay: scale.seconds(300),
            reset_after_deregistration: false,
            idle_timeout: scale.seconds(350),
            proxy_protocol: false,
        }
    }

    /// An ALB with default settings, checking `path`.
    ///
    /// Interval 30 s, 5 good and 2 bad checks, deregistration delay 300 s and idle timeout 60 s
    /// are AWS's defaults. Requests still come to a deregistered target for less than 70 s, and at
    /// 40 s some did (aws-load-balancer-controller issue 2106).
    pub fn alb(path: &str, scale: Scale) -> Self {
        let nlb = Self::nlb(path, scale);
        Self {
            layer: Layer::Requests,
            check: HealthCheck {
                interval: scale.seconds(30),
                healthy_threshold: 5,
                unhealthy_threshold: 2,
                ..nlb.check
            },
            deregistration_lag: scale.seconds(60),
            unhealthy_lag: Duration::ZERO,
            idle_timeout: scale.seconds(60),
            ..nlb
        }
    }
}
