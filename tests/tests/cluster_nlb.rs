//! `make deploy` with the overlays for EKS behind a Network Load Balancer, whose controller and data
//! plane are simulated by [`e2e::lb_controller`] on a real Kubernetes.
//!
//! Needs the cluster that `dev/cluster/run` starts on this machine. `E2E_AWS_SCALE` is how many times
//! faster than at AWS time passes; 1 means AWS's own times. The figures of rollouts are also written to
//! the directory `E2E_RECORDS`, for `bench rollout`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a panic fails the test"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use e2e::cluster::{Cluster, NAMESPACE};
use e2e::lb::{Counters, Scale};
use e2e::lb_controller::{Kind, Times};
use e2e::manifests::{repository, variant};
use e2e::moto::{Moto, installed};
use loadgen::Report;
use serde_json::{Value, json};
use ship::{Losses, under_load};

const SERVICE: &str = "rust-app-service";
/// Requests a second.
const RATE: u32 = 500;

/// AWS's times, scaled, except the lag that pods wait for in real time: they drain for 150 s.
fn times() -> Times {
    #[expect(clippy::disallowed_methods, reason = "a test binary has no other edge")]
    let scale = std::env::var("E2E_AWS_SCALE").map_or(60, |scale| scale.parse().unwrap());
    Times {
        deregistration_lag: Duration::from_mins(2),
        ..Times::scaled(Scale(scale))
    }
}

/// Writes the figures of a rollout where `bench rollout` reads them.
fn record(overlay: &str, took: Duration, losses: &Losses, counters: &Counters) {
    #[expect(clippy::disallowed_methods, reason = "a test binary has no other edge")]
    let Some(records) = std::env::var_os("E2E_RECORDS") else {
        return;
    };
    let millis = |latency: Duration| latency.as_secs_f64() * 1000.0;
    let clients = |report: &Report| {
        json!({
            "sent": report.sent(),
            "failed": report.failed(),
            "p50_millis": millis(report.latency.quantile(0.5)),
            "p99_millis": millis(report.latency.quantile(0.99)),
        })
    };
    let rollout = json!({
        "overlay": overlay,
        "seconds": took.as_secs_f64(),
        "kept": clients(&losses.kept),
        "one_shot": clients(&losses.one_shot),
        "connections": counters.flows,
        "to_deregistered": counters.to_deregistered,
    });
    let file = Path::new(&records).join(format!("{overlay}.json"));
    std::fs::write(file, rollout.to_string()).unwrap();
}

#[track_caller]
fn contains(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }
}

/// The readiness gates of a pod, and the status of each.
fn gates(pod: &Value) -> Vec<(String, bool)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let conditions = list(&pod["status"]["conditions"]);
    list(&pod["spec"]["readinessGates"])
        .iter()
        .map(|gate| {
            let kind = gate["conditionType"].as_str().unwrap().to_owned();
            let condition = conditions.iter().find(|one| one["type"] == kind.as_str());
            let met = condition.is_some_and(|condition| condition["status"] == "True");
            (kind, met)
        })
        .collect()
}

/// The status of `/readyz` on a new connection.
fn readiness(address: SocketAddr) -> Option<u16> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into();
    let response = agent.get(format!("http://{address}/readyz")).call().ok()?;
    Some(response.status().as_u16())
}

/// Deploys an overlay as a user does: once, again without changes, and a new version under load.
fn deploys(name: &str, kind: Kind, gate: &str) {
    let mut cluster = Cluster::connect_as_eks();
    cluster.undeploy();
    let controller = cluster.start_controller(kind, times(), BTreeMap::new());
    let overlay = format!("OVERLAY={name}");

    let (url, printed) = cluster.make("deploy", &[&overlay]).succeeded();
    let host = cluster.host("service", SERVICE);
    assert!(host.ends_with(".elb.eu-west-1.amazonaws.com"), "{host}");
    assert_eq!(url, format!("http://{host}/\n"));
    contains(&printed, &["Rolled out revision 1 to 3 pods"]);
    for pod in cluster.pods() {
        let gates = gates(&pod);
        assert!(gates.len() == 1 && gates[0].1, "{gates:?}");
        assert!(gates[0].0.starts_with(gate), "{gates:?}");
    }

    let pods = cluster.identities();
    let (_, printed) = cluster.make("deploy", &[&overlay]).succeeded();
    contains(
        &printed,
        &["Nothing to roll out: revision 1 is running in 3 pods"],
    );
    assert_eq!(cluster.identities(), pods);

    let image = format!("IMAGE={}", cluster.version("86400"));
    let address = controller.address(&host).unwrap();
    let began = Instant::now();
    let (deployed, losses) = under_load(address, RATE, |_| {
        cluster.make("deploy", &[&overlay, &image])
    })
    .unwrap();
    let took = began.elapsed();
    let (again, printed) = deployed.succeeded();
    assert_eq!(again, url);
    contains(
        &printed,
        &["Rolled out revision 2 to 3 pods", "Smoke tests passed"],
    );
    assert!(!printed.contains("Rolled back"), "{printed}");
    println!(
        "{took:.0?}\nkept-alive: {}\none-shot: {}",
        losses.kept, losses.one_shot
    );
    assert_eq!(losses.failed(), 0, "{}\n{}", losses.kept, losses.one_shot);
    let counters = controller.counters(&host).unwrap();
    println!("{counters:?}");
    record(name, took, &losses, &counters);
    assert!(
        counters.to_deregistered > 0,
        "no draining pod served: {counters:?}"
    );

    // A test of readiness through the load balancer would have met a draining pod.
    let unready = (0..200).any(|_| readiness(address) == Some(503));
    assert!(
        unready,
        "no draining pod answered, so the deploy proves nothing"
    );

    cluster.undeploy();
    let namespaces = cluster.run(&["get", "namespaces", "-o=name"]);
    assert!(!namespaces.contains(NAMESPACE), "{namespaces}");
    let bindings = cluster.run(&["get", "targetgroupbindings", "-A", "-o=name"]);
    assert_eq!(bindings, "");
}

/// Asserts that `ship deploy` fails, reports why, and leaves the previous pods.
#[track_caller]
fn fails(cluster: &Cluster, overlay: &Path, image: &str, expected: &[&str]) {
    let pods = cluster.identities();
    let limits = ["--timeout", "20s", "--balancer-timeout", "5s"];
    let failed = cluster.deploy_image(overlay, image, &limits);
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    contains(&failed.stderr, expected);
    cluster.wait_until("the new pods are gone", || cluster.identities() == pods);
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_deploy_that_cannot_succeed_is_refused_or_explained() {
    let mut cluster = Cluster::connect_as_eks();
    cluster.undeploy();
    let without = cluster.make("deploy", &["OVERLAY=eks"]);
    contains(
        &without.stderr,
        &["no controller creates load balancers of the class service.k8s.aws/nlb"],
    );
    let controller =
        cluster.start_controller(Kind::Controller, Times::scaled(Scale(60)), BTreeMap::new());
    let wrong = cluster.make("deploy", &["OVERLAY=eks-auto"]);
    contains(
        &wrong.stderr,
        &["no controller creates load balancers of the class eks.amazonaws.com/nlb"],
    );

    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let eks = repository().join("k8s/overlays/eks");
    let annotated = |name: &str, annotations: &str| {
        let patch = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {SERVICE}, namespace: {NAMESPACE}, \
             annotations: {{{annotations}}}}}\n"
        );
        variant(&scratch.join("refused"), name, &eks, "Service", &patch)
    };
    let key = "service.beta.kubernetes.io/aws-load-balancer";
    let first = cluster.version("86400");
    let public = annotated("public", &format!("{key}-scheme: public"));
    let reason = "the load balancer has no address: Failed build model due to unknown";
    fails(&cluster, &public, &first, &[reason, "no earlier revision"]);
    cluster.undeploy();
    let arn = "\"arn:aws:acm:eu-west-1:123456789012:certificate/none\"";
    let uncertified = annotated("uncertified", &format!("{key}-ssl-cert: {arn}"));
    let reason = "Failed deploy model due to CertificateNotFound";
    fails(
        &cluster,
        &uncertified,
        &first,
        &[reason, "no earlier revision"],
    );
    cluster.undeploy();

    cluster.deploy_image(&eks, &first, &[]).succeeded();
    let second = cluster.version("172800");
    let unchecked = annotated(
        "unchecked",
        &format!("{key}-healthcheck-path: /no-such-path"),
    );
    let reason = "its containers are ready, but its target is not healthy";
    let why = format!("{reason}: Target.FailedHealthChecks: Health checks failed (target-health.");
    fails(&cluster, &unchecked, &second, &[&why, "Rolled back"]);
    controller.freeze_gates(true);
    let why = format!("{reason} (target-health.");
    fails(&cluster, &eks, &second, &[&why, "Rolled back"]);
    controller.freeze_gates(false);
    cluster.run(&["create", "quota", "full", "--hard=pods=3", "-n", NAMESPACE]);
    fails(
        &cluster,
        &eks,
        &second,
        &["no pod can be created: ", "exceeded quota", "Rolled back"],
    );
    cluster.run(&["delete", "quota", "full", "-n", NAMESPACE]);
    // The deploy succeeds once the obstacle is gone.
    cluster.deploy_image(&eks, &second, &[]).succeeded();
    cluster.undeploy();
}

/// By the real AWS CLI, against moto.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_vpc_without_subnets_for_the_load_balancer_is_refused() {
    let mut cluster = Cluster::connect_as_eks();
    cluster.undeploy();
    let _controller =
        cluster.start_controller(Kind::Controller, Times::scaled(Scale(60)), BTreeMap::new());
    let moto = Moto::start();
    let vpc = moto.aws("ec2 create-vpc --cidr-block 10.9.0.0/16 --query Vpc.VpcId");
    let subnet = moto.aws(&format!(
        "ec2 create-subnet --vpc-id {vpc} --cidr-block 10.9.0.0/24 --query Subnet.SubnetId"
    ));
    let aws = installed("aws");
    #[expect(clippy::disallowed_methods, reason = "a test binary has no other edge")]
    let path = std::env::var("PATH").unwrap();
    let path = format!("PATH={}:{path}", aws.parent().unwrap().display());
    let mut settings: Vec<_> = moto
        .environment()
        .map(|(name, value)| format!("{name}={value}"))
        .into();
    let image = format!("IMAGE={}", cluster.version("86400"));
    settings.extend(["OVERLAY=eks", "CLUSTER=hello", "REGION=eu-west-1"].map(str::to_owned));
    settings.extend([path, image]);
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let preflight = || cluster.make("preflight", &settings);

    // Which is reported, but does not prevent a deploy.
    let (_, unknown) = preflight().succeeded();
    contains(
        &unknown,
        &[
            "not checked: aws eks describe-cluster: ",
            "No cluster found",
        ],
    );
    moto.create_cluster("hello", &vpc);
    let refused = preflight();
    let message = format!(
        "an internet-facing Network Load Balancer needs subnets in 1 availability zone, and {vpc} has \
         0: no subnet is tagged kubernetes.io/role/elb, and none is public"
    );
    contains(&refused.stderr, &[&message, "aws ec2 create-tags"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);

    // A route to an internet gateway, or else the tag, makes it one for load balancers.
    let gateway = moto.aws("ec2 create-internet-gateway --query InternetGateway.InternetGatewayId");
    moto.aws(&format!(
        "ec2 attach-internet-gateway --internet-gateway-id {gateway} --vpc-id {vpc}"
    ));
    let table = moto.aws(&format!(
        "ec2 describe-route-tables --filters Name=vpc-id,Values={vpc} --query RouteTables[0].RouteTableId"
    ));
    let route = format!("--route-table-id {table} --destination-cidr-block 0.0.0.0/0");
    moto.aws(&format!("ec2 create-route {route} --gateway-id {gateway}"));
    preflight().succeeded();
    moto.aws(&format!("ec2 delete-route {route}"));
    assert_eq!(preflight().code, Some(2));
    moto.aws(&format!(
        "ec2 create-tags --resources {subnet} --tags Key=kubernetes.io/role/elb,Value=1"
    ));
    preflight().succeeded();
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn eks_is_deployed_and_updated_without_a_lost_request() {
    deploys(
        "eks",
        Kind::Controller,
        "target-health.elbv2.k8s.aws/k8s-rustapp-",
    );
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn auto_mode_is_deployed_and_updated_without_a_lost_request() {
    deploys(
        "eks-auto",
        Kind::AutoMode,
        "target-health.eks.amazonaws.com/k8s-rustapp-",
    );
}
