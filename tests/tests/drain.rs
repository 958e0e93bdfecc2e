//! No request is lost when the service is replaced behind a load balancer, and the test can tell.
//!
//! Needs the service, and nothing else: real processes of it, three at a time, behind a balancer
//! that has the semantics of AWS's, with times scaled down by 20: of the 120 s in which an NLB
//! still sends new connections to a deregistered target, 6 s remain, and the drain of 150 s is one
//! of 7.5 s. Requests come at a constant rate from clients of three kinds.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::format_push_string,
    reason = "helpers of tests, which clippy's exceptions for tests do not cover"
)]

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use e2e::lb::{Counters, LoadBalancer, Rules, Scale, WhenUnhealthy};
use e2e::rollout::{Deployment, Ended, Timing};
use loadgen::{Client, Load, Pace, Plan, Reason, Report};

const SCALE: Scale = Scale(20);
const REPLICAS: usize = 3;
/// The issue asks that none of so many be lost.
const REQUESTS: u64 = 500_000;

/// A machine that takes longer for that is too slow for this test.
const PATIENCE: Duration = Duration::from_mins(4);

/// One of these tests at a time: each fills the machine.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The service under test: `E2E_APP`, or the newer of the static release binary that goes into the
/// image and the one that was built beside this test. The former keeps up with more load.
#[allow(clippy::disallowed_methods, reason = "a test binary has no other edge")]
fn service() -> PathBuf {
    if let Some(path) = std::env::var_os("E2E_APP") {
        return path.into();
    }
    let built = e2e::program("rust-k8s-app");
    let target = format!(
        "../{}-unknown-linux-musl/release/rust-k8s-app",
        std::env::consts::ARCH
    );
    let released = built.with_file_name(target);
    let age = |path: &PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    if age(&released) >= age(&built) {
        released
    } else {
        built
    }
}

/// A duration as the service's settings have it.
fn setting(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// The drain's settings: AWS's seconds, scaled.
fn drain(delay: u32, deadline: u32) -> Vec<(&'static str, String)> {
    vec![
        ("APP_DRAIN_DELAY", setting(SCALE.seconds(delay))),
        ("APP_DRAIN_DEADLINE", setting(SCALE.seconds(deadline))),
    ]
}

/// The three kinds of client, all at once.
struct Clients {
    kept_alive: Load,
    one_shot: Load,
    /// Requests that are in flight for a quarter of a second each.
    slow: Load,
}

impl Clients {
    fn start(lb: &LoadBalancer) -> Self {
        let plan = Plan {
            body: Some(b"Hello from Rust on Kubernetes!\n".to_vec()),
            requests: u64::MAX,
            time: 2 * PATIENCE,
            // A machine that is busy with something else is no loss of the service's.
            timeout: Duration::from_secs(20),
            ..Plan::new(lb.address())
        };
        let start = |client, rate, connections, pause| {
            let pace = Pace::Rate(rate);
            Load::start(Plan {
                client,
                pace,
                connections,
                pause,
                ..plan.clone()
            })
            .unwrap()
        };
        Self {
            kept_alive: start(Client::KeptAlive, 10_000, 64, None),
            one_shot: start(Client::OneShot, 1_000, 64, None),
            slow: start(Client::OneShot, 100, 256, Some(Duration::from_millis(250))),
        }
    }

    fn answered(&self) -> u64 {
        self.kept_alive.ok() + self.one_shot.ok() + self.slow.ok()
    }

    fn finish(self) -> [Report; 3] {
        for load in [&self.kept_alive, &self.one_shot, &self.slow] {
            load.stop();
        }
        [self.kept_alive, self.one_shot, self.slow].map(|load| load.finish().unwrap())
    }
}

/// What a rollout did.
struct Outcome {
    reports: [Report; 3],
    ended: Vec<Ended>,
    counters: Counters,
}

impl Outcome {
    fn failed(&self) -> u64 {
        self.reports.iter().map(Report::failed).sum()
    }

    fn failed_by(&self, reason: Reason) -> u64 {
        self.reports
            .iter()
            .filter_map(|report| report.failed.get(&reason))
            .sum()
    }

    fn sent(&self) -> u64 {
        self.reports.iter().map(Report::sent).sum()
    }

    /// Everything a person needs to see what happened.
    fn tell(&self) -> String {
        let [kept_alive, one_shot, slow] = &self.reports;
        let mut text = format!(
            "{} of {} lost\nkept alive: {kept_alive}\none shot: {one_shot}\nslow: {slow}\n{:?}",
            self.failed(),
            self.sent(),
            self.counters
        );
        let took = self.ended.iter().map(|ended| ended.took);
        let (shortest, longest) = (took.clone().min().unwrap(), took.max().unwrap());
        let count = self.ended.len();
        text.push_str(&format!(
            "\n{count} pods took {shortest:.2?} to {longest:.2?} to end"
        ));
        for Ended { status, log, .. } in &self.ended {
            if !status.is_some_and(|status| status.success()) {
                text.push_str(&format!("\na pod ended with {status:?}: {log}"));
            }
        }
        text
    }
}

/// An ALB that checks as often as the NLB does: its own default takes 150 s to find a pod healthy.
fn alb() -> Rules {
    Rules {
        check: Rules::nlb("/healthz", SCALE).check,
        ..Rules::alb("/healthz", SCALE)
    }
}

/// Replaces all pods under load, again and again until so many requests were answered.
fn replace_under_load(
    rules: Rules,
    settings: Vec<(&'static str, String)>,
    timing: Timing,
    requests: u64,
) -> Outcome {
    let lb = LoadBalancer::start(rules).unwrap();
    let mut deployment = Deployment::start(&lb, service(), settings, timing, REPLICAS).unwrap();
    let clients = Clients::start(&lb);
    let begun = Instant::now();
    loop {
        deployment.replace_all().unwrap();
        let answered = clients.answered();
        if answered >= requests {
            break;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{answered} of {requests} answered in {PATIENCE:?}"
        );
    }
    // The drains' ends are under load, too.
    let ended = deployment.wait_for_leaving().unwrap();
    let counters = lb.counters();
    let outcome = Outcome {
        reports: clients.finish(),
        ended,
        counters,
    };
    println!("{}", outcome.tell());
    outcome
}

/// Nothing was lost, and that means something: every pod drained to its own end, while the
/// balancer still sent it connections.
fn assert_nothing_lost(outcome: &Outcome, delay: Duration) {
    let story = outcome.tell();
    assert_eq!(outcome.failed(), 0, "{story}");
    let counters = outcome.counters;
    assert_eq!(
        (counters.refused, counters.reset, counters.no_target),
        (0, 0, 0),
        "{story}"
    );
    assert!(
        counters.to_deregistered > 500,
        "the lag was not at work: {story}"
    );
    for ended in &outcome.ended {
        assert!(
            ended.status.is_some_and(|status| status.success()),
            "{story}"
        );
        assert!(ended.took >= delay, "{story}");
    }
}

#[test]
fn a_rolling_replacement_behind_an_nlb_loses_none_of_half_a_million_requests() {
    let _alone = alone();
    let outcome = replace_under_load(
        Rules::nlb("/healthz", SCALE),
        drain(150, 30),
        Timing::nlb(SCALE),
        REQUESTS,
    );
    assert!(outcome.sent() >= REQUESTS, "{}", outcome.tell());
    assert!(outcome.reports[0].close_requested > 0, "{}", outcome.tell());
    assert_nothing_lost(&outcome, SCALE.seconds(150));
}

#[test]
fn with_the_drain_switched_off_many_are_lost() {
    let _alone = alone();
    let settings = vec![("APP_DRAIN_PROFILE", "off".to_owned())];
    let rules = Rules::nlb("/healthz", SCALE);
    let outcome = replace_under_load(rules, settings, Timing::nlb(SCALE), 0);
    assert!(outcome.failed() > 100, "{}", outcome.tell());
    assert!(outcome.counters.refused > 100, "{}", outcome.tell());
}

#[test]
fn the_short_profile_loses_nothing_behind_an_alb() {
    let _alone = alone();
    let rules = alb();
    let outcome = replace_under_load(rules, drain(70, 30), Timing::short(SCALE), 0);
    assert_nothing_lost(&outcome, SCALE.seconds(70));
}

#[test]
fn behind_an_alb_too_many_are_lost_without_the_drain() {
    let _alone = alone();
    let settings = vec![("APP_DRAIN_PROFILE", "off".to_owned())];
    let rules = alb();
    let outcome = replace_under_load(rules, settings, Timing::short(SCALE), 0);
    assert!(
        outcome.failed_by(Reason::Status(502)) > 100,
        "{}",
        outcome.tell()
    );
}

#[test]
fn a_check_that_fails_while_draining_resets_live_requests() {
    let _alone = alone();
    let rules = Rules::nlb("/readyz", SCALE);
    let outcome = replace_under_load(rules, drain(150, 30), Timing::nlb(SCALE), 0);
    assert!(outcome.counters.reset > 0, "{}", outcome.tell());
    assert!(outcome.failed_by(Reason::Reset) > 0, "{}", outcome.tell());
}

#[test]
fn without_connection_termination_even_that_check_loses_nothing() {
    let _alone = alone();
    let when_unhealthy = WhenUnhealthy::Drain(SCALE.seconds(60));
    let rules = Rules {
        when_unhealthy,
        ..Rules::nlb("/readyz", SCALE)
    };
    let outcome = replace_under_load(rules, drain(150, 30), Timing::nlb(SCALE), 0);
    let story = outcome.tell();
    assert_eq!(
        (outcome.failed(), outcome.counters.refused),
        (0, 0),
        "{story}"
    );
    assert!(
        outcome.counters.to_unhealthy > 0,
        "the check did not fail: {story}"
    );
}
