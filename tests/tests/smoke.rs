//! `ship smoke` behind a load balancer that goes on sending to pods that drain, as an NLB does for
//! about two minutes after their deregistration.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::process::{Command, Output};
use std::time::Duration;

use e2e::lb::{LoadBalancer, Rules, Scale};
use e2e::program;
use e2e::rollout::{Deployment, Timing};

const SCALE: Scale = Scale(20);
/// How long the balancer goes on sending to a deregistered pod. The pods drain for longer.
const LAG: Duration = Duration::from_secs(15);

fn smoke(lb: &LoadBalancer, args: &[&str]) -> Output {
    Command::new(program("ship"))
        .args(["smoke", &format!("http://{}", lb.address())])
        .args(args)
        .output()
        .unwrap()
}

#[test]
fn a_good_release_passes_while_the_old_pods_drain() {
    let lb = LoadBalancer::start(Rules {
        deregistration_lag: LAG,
        ..Rules::nlb("/healthz", SCALE)
    })
    .unwrap();
    let timing = Timing {
        grace: 4 * LAG,
        ..Timing::nlb(SCALE)
    };
    let settings = vec![
        ("APP_DRAIN_DELAY", "20s".to_owned()),
        ("APP_DRAIN_DEADLINE", "1s".to_owned()),
    ];
    let mut pods = Deployment::start(&lb, program("rust-k8s-app"), settings, timing, 3).unwrap();
    pods.replace_all().unwrap();

    // Until the balancer has chosen a draining pod: other runs prove nothing.
    let names = pods.names();
    let expected: Vec<_> = names.iter().flat_map(|name| ["--pod", name]).collect();
    let before = lb.counters().to_deregistered;
    let mut runs = 0;
    while lb.counters().to_deregistered == before {
        runs += 1;
        assert!(runs < 50, "the balancer sends nothing to draining pods");
        let output = smoke(&lb, &expected);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    }
    pods.wait_for_terminating().unwrap();
}

#[test]
fn a_pod_that_does_not_answer_is_named() {
    let lb = LoadBalancer::start(Rules::nlb("/healthz", SCALE)).unwrap();
    let settings = vec![("APP_DRAIN_PROFILE", "off".to_owned())];
    let timing = Timing::nlb(SCALE);
    let pods = Deployment::start(&lb, program("rust-k8s-app"), settings, timing, 1).unwrap();
    let [name] = &pods.names()[..] else {
        panic!("there is one pod")
    };
    let output = smoke(&lb, &["--pod", name, "--pod", "missing", "--timeout", "1s"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let expected = format!("no answer from missing within 1s; answered: {name}");
    assert!(stderr.contains(&expected), "{stderr}");
}
