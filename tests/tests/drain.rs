//! Replacing the service behind a load balancer loses no request; negative controls do lose some.
//!
//! Needs only the service: real processes, three at a time, behind a load balancer with AWS's semantics
//! and times scaled down by 20. The 120 s during which an NLB still sends new connections to a
//! deregistered target become 6 s, and the drain of 150 s becomes 7.5 s. Three kinds of client send
//! requests at a constant rate.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::format_push_string,
    reason = "a panic fails the test"
)]

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use e2e::lb::{Counters, LoadBalancer, Rules, Scale, WhenUnhealthy};
use e2e::rollout::{Deployment, Termination, Timing};
use loadgen::{Client, Load, Pace, Plan, Reason, Report};

const SCALE: Scale = Scale(20);
const REPLICAS: usize = 3;
/// How many requests the rollouts carry, none of which may be lost.
const REQUESTS: u64 = 500_000;

/// Bounds the test. An idle machine takes a minute, a busy one several.
const TIMEOUT: Duration = Duration::from_mins(15);

/// Runs one of these tests at a time: each uses the whole machine.
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
            time: 2 * TIMEOUT,
            // A timeout on a slow machine would count as a lost request.
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

/// The outcome of a rollout.
struct Outcome {
    reports: [Report; 3],
    terminations: Vec<Termination>,
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

    /// A summary for the log and for assertion messages.
    fn summary(&self) -> String {
        let [kept_alive, one_shot, slow] = &self.reports;
        let mut text = format!(
            "{} of {} lost\nkept alive: {kept_alive}\none shot: {one_shot}\nslow: {slow}\n{:?}",
            self.failed(),
            self.sent(),
            self.counters
        );
        let took = self.terminations.iter().map(|pod| pod.took);
        let (shortest, longest) = (took.clone().min().unwrap(), took.max().unwrap());
        let count = self.terminations.len();
        text.push_str(&format!(
            "\n{count} pods took {shortest:.2?} to {longest:.2?} to terminate"
        ));
        for Termination { status, log, .. } in &self.terminations {
            if !status.is_some_and(|status| status.success()) {
                text.push_str(&format!("\na pod exited with {status:?}: {log}"));
            }
        }
        text
    }
}

/// An ALB with the NLB's health check: by its own defaults a target takes 150 s to become healthy.
fn alb() -> Rules {
    Rules {
        check: Rules::nlb("/healthz", SCALE).check,
        ..Rules::alb("/healthz", SCALE)
    }
}

/// Replaces all pods under load, repeatedly until `requests` have been answered.
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
            begun.elapsed() < TIMEOUT,
            "{answered} of {requests} answered in {TIMEOUT:?}"
        );
    }
    // The last pods drain under load too.
    let terminations = deployment.wait_for_terminating().unwrap();
    let counters = lb.counters();
    let outcome = Outcome {
        reports: clients.finish(),
        terminations,
        counters,
    };
    println!("{}", outcome.summary());
    outcome
}

/// Asserts that nothing was lost, and that the drain was exercised: every pod exited by itself,
/// after the load balancer had still sent connections to deregistered targets.
fn assert_nothing_lost(outcome: &Outcome, delay: Duration) {
    let summary = outcome.summary();
    assert_eq!(outcome.failed(), 0, "{summary}");
    let counters = outcome.counters;
    assert_eq!(
        (counters.refused, counters.reset, counters.no_target),
        (0, 0, 0),
        "{summary}"
    );
    assert!(
        counters.to_deregistered > 500,
        "no connections went to deregistered targets: {summary}"
    );
    for pod in &outcome.terminations {
        assert!(
            pod.status.is_some_and(|status| status.success()),
            "{summary}"
        );
        assert!(pod.took >= delay, "{summary}");
    }
}

#[test]
fn a_rolling_update_behind_an_nlb_loses_none_of_500_000_requests() {
    let _alone = alone();
    let outcome = replace_under_load(
        Rules::nlb("/healthz", SCALE),
        drain(150, 30),
        Timing::nlb(SCALE),
        REQUESTS,
    );
    assert!(outcome.sent() >= REQUESTS, "{}", outcome.summary());
    assert!(
        outcome.reports[0].close_requested > 0,
        "{}",
        outcome.summary()
    );
    assert_nothing_lost(&outcome, SCALE.seconds(150));
}

#[test]
fn without_a_drain_a_rolling_update_behind_an_nlb_loses_requests() {
    let _alone = alone();
    let settings = vec![("APP_DRAIN_PROFILE", "off".to_owned())];
    let rules = Rules::nlb("/healthz", SCALE);
    let outcome = replace_under_load(rules, settings, Timing::nlb(SCALE), 0);
    assert!(outcome.failed() > 100, "{}", outcome.summary());
    assert!(outcome.counters.refused > 100, "{}", outcome.summary());
}

#[test]
fn the_short_drain_profile_loses_no_request_behind_an_alb() {
    let _alone = alone();
    let rules = alb();
    let outcome = replace_under_load(rules, drain(70, 30), Timing::short(SCALE), 0);
    assert_nothing_lost(&outcome, SCALE.seconds(70));
}

#[test]
fn without_a_drain_a_rolling_update_behind_an_alb_loses_requests() {
    let _alone = alone();
    let settings = vec![("APP_DRAIN_PROFILE", "off".to_owned())];
    let rules = alb();
    let outcome = replace_under_load(rules, settings, Timing::short(SCALE), 0);
    assert!(
        outcome.failed_by(Reason::Status(502)) > 100,
        "{}",
        outcome.summary()
    );
}

#[test]
fn an_nlb_health_check_that_fails_while_draining_resets_requests() {
    let _alone = alone();
    let rules = Rules::nlb("/readyz", SCALE);
    let outcome = replace_under_load(rules, drain(150, 30), Timing::nlb(SCALE), 0);
    assert!(outcome.counters.reset > 0, "{}", outcome.summary());
    assert!(
        outcome.failed_by(Reason::Reset) > 0,
        "{}",
        outcome.summary()
    );
}

#[test]
fn without_connection_termination_that_health_check_resets_nothing() {
    let _alone = alone();
    let when_unhealthy = WhenUnhealthy::Drain(SCALE.seconds(60));
    let rules = Rules {
        when_unhealthy,
        ..Rules::nlb("/readyz", SCALE)
    };
    let outcome = replace_under_load(rules, drain(150, 30), Timing::nlb(SCALE), 0);
    let summary = outcome.summary();
    assert_eq!(
        (outcome.failed(), outcome.counters.refused),
        (0, 0),
        "{summary}"
    );
    assert!(
        outcome.counters.to_unhealthy > 0,
        "the check did not fail: {summary}"
    );
}
