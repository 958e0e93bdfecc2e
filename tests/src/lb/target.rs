//! The state of one target. Pure: the caller passes the time.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::rules::Rules;

/// The result of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not enough checks yet.
    Initial,
    /// Enough checks in a row passed.
    Healthy,
    /// Enough checks in a row failed.
    Unhealthy,
}

/// An idle connection to a target, kept for the next request.
#[derive(Debug)]
pub(super) struct Idle {
    pub(super) stream: TcpStream,
    pub(super) since: Instant,
}

/// A registered or draining target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) id: u64,
    pub(super) address: SocketAddr,
    pub(super) health: Health,
    /// The last check passed.
    good: bool,
    /// Checks in a row with the result of the last one.
    streak: u32,
    /// When it was found unhealthy after it had been healthy.
    fell: Option<Instant>,
    pub(super) deregistered: Option<Instant>,
    /// Changes whenever its live connections are to be reset.
    pub(super) resets: watch::Sender<u64>,
    /// Idle connections to it, at layer 7.
    pub(super) idle: Vec<Idle>,
}

impl Target {
    pub(super) fn new(id: u64, address: SocketAddr) -> Self {
        Self {
            id,
            address,
            health: Health::Initial,
            good: false,
            streak: 0,
            fell: None,
            deregistered: None,
            resets: watch::Sender::new(0),
            idle: Vec::new(),
        }
    }

    /// Whether some nodes of the balancer have not yet noticed its deregistration.
    pub(super) fn registered(&self, now: Instant, rules: &Rules) -> bool {
        self.deregistered
            .is_none_or(|since| now < since + rules.deregistration_lag)
    }

    /// Whether it accepts new connections.
    pub(super) fn in_service(&self, now: Instant, rules: &Rules) -> bool {
        let healthy = match self.health {
            Health::Initial => false,
            Health::Healthy => true,
            Health::Unhealthy => self
                .fell
                .is_some_and(|since| now < since + rules.unhealthy_lag),
        };
        healthy && self.registered(now, rules)
    }

    /// Counts a check; true when it made the target unhealthy.
    pub(super) fn observe(&mut self, good: bool, now: Instant, rules: &Rules) -> bool {
        let (verdict, threshold) = if good {
            (Health::Healthy, rules.check.healthy_threshold)
        } else {
            (Health::Unhealthy, rules.check.unhealthy_threshold)
        };
        self.streak = if self.good == good {
            self.streak + 1
        } else {
            1
        };
        self.good = good;
        if self.health == verdict || self.streak < threshold {
            return false;
        }
        let fell = self.health == Health::Healthy;
        self.fell = fell.then_some(now);
        self.health = verdict;
        fell
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::*;

    fn target() -> (Target, Rules, Instant) {
        let rules = Rules::nlb("/healthz", Scale(1));
        (
            Target::new(1, "127.0.0.1:1".parse().unwrap()),
            rules,
            Instant::now(),
        )
    }

    fn observe(target: &mut Target, checks: &str, now: Instant, rules: &Rules) -> bool {
        checks
            .chars()
            .fold(false, |_, check| target.observe(check == '+', now, rules))
    }

    #[test]
    fn thresholds_count_checks_in_a_row() {
        let (mut target, rules, now) = target();
        for (checks, health) in [
            ("++", Health::Initial),
            ("-++", Health::Initial),
            ("--", Health::Initial),
            ("-", Health::Unhealthy),
            ("++", Health::Unhealthy),
            ("+", Health::Healthy),
            ("--+--", Health::Healthy),
            ("-", Health::Unhealthy),
            ("++-++", Health::Unhealthy),
            ("+", Health::Healthy),
        ] {
            observe(&mut target, checks, now, &rules);
            assert_eq!(target.health, health, "after {checks}");
        }
    }

    #[test]
    fn only_a_healthy_target_becomes_unhealthy() {
        let (mut target, rules, now) = target();
        assert!(!observe(&mut target, "---", now, &rules));
        assert!(!target.in_service(now, &rules), "it never was in service");
        observe(&mut target, "+++", now, &rules);
        assert!(observe(&mut target, "---", now, &rules));
    }

    #[test]
    fn health_changes_and_deregistrations_take_effect_late() {
        let (mut target, rules, now) = target();
        observe(&mut target, "+++", now, &rules);
        assert!(target.in_service(now, &rules));
        target.deregistered = Some(now);
        assert!(target.in_service(now + Scale(1).seconds(119), &rules));
        assert!(!target.in_service(now + Scale(1).seconds(120), &rules));
        observe(&mut target, "---", now, &rules);
        assert!(target.in_service(now + Scale(1).seconds(39), &rules));
        assert!(!target.in_service(now + Scale(1).seconds(40), &rules));
    }
}
