//! Restarts, scales and deletes pods under a constant load, and counts the failed requests.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use cli::Printer;

use crate::args::RolloutTest;
use crate::endpoint::Endpoint;
use crate::error::{RolloutTestError, ShipError};
use crate::kubectl::Kubectl;
use crate::manifests::Target;
use crate::running::Running;
use crate::snapshot::Snapshot;
use crate::wait;
use loadgen::{Client, Load, Pace, Plan, Report};

/// The longest time that a load runs, regardless of the steps.
const LONGEST: Duration = Duration::from_hours(2);
/// A request without a response after this time has failed.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the load continues after the last step, to count late failures.
const AFTERMATH: Duration = Duration::from_secs(5);

/// A step of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All pods are replaced, as by a new version.
    Restart,
    /// The number of pods changes.
    Scale(u32),
    /// One pod is deleted.
    DeletePod,
}

/// The results of the clients that keep connections, and of those that open one for each request.
#[derive(Clone, Debug)]
pub struct Losses {
    /// Clients that keep their connections.
    pub kept: Report,
    /// Clients that open a connection for each request.
    pub one_shot: Report,
}

impl Losses {
    /// Requests sent.
    pub fn sent(&self) -> u64 {
        self.kept.sent() + self.one_shot.sent()
    }

    /// Requests without a complete response.
    pub fn failed(&self) -> u64 {
        self.kept.failed() + self.one_shot.failed()
    }
}

/// Runs a load against `address` while `work` runs, and a little longer. `work` can query the number of
/// sent requests.
///
/// # Errors
/// When the load cannot run.
pub fn under_load<T>(
    address: SocketAddr,
    rate: u32,
    work: impl FnOnce(&dyn Fn() -> u64) -> T,
) -> Result<(T, Losses), RolloutTestError> {
    let start = |client, connections| {
        Load::start(Plan {
            client,
            connections,
            pace: Pace::Rate(rate / 2),
            requests: u64::MAX,
            time: LONGEST,
            timeout: TIMEOUT,
            ..Plan::new(address)
        })
        .map_err(RolloutTestError::Start)
    };
    let kept = start(Client::KeptAlive, 32)?;
    let one_shot = start(Client::OneShot, 64)?;
    let outcome = work(&|| kept.ok() + kept.failed() + one_shot.ok() + one_shot.failed());
    std::thread::sleep(AFTERMATH);
    kept.stop();
    one_shot.stop();
    let losses = Losses {
        kept: kept.finish().map_err(RolloutTestError::Load)?,
        one_shot: one_shot.finish().map_err(RolloutTestError::Load)?,
    };
    Ok((outcome, losses))
}

/// The command: runs the steps under load, and fails if a request is lost.
pub(super) fn run(printer: Printer, args: &RolloutTest) -> Result<(), ShipError> {
    let Running {
        kubectl,
        target,
        snapshot: before,
        endpoint,
    } = Running::find(&args.cluster)?;
    let address = address(&endpoint)?;
    let pods = u32::try_from(before.pods.len()).unwrap_or(u32::MAX);
    let steps = [
        vec![Step::Restart; args.restarts as usize],
        vec![Step::Scale(pods + 2), Step::Scale(pods), Step::DeletePod],
    ]
    .concat();
    printer.status(&format!(
        "Sending {} requests per second to {endpoint}",
        args.rate
    ));
    let (outcome, losses) = under_load(address, args.rate, |_| {
        let mut steps = steps.into_iter();
        steps.try_for_each(|one| step(printer, &kubectl, &target, one, args.timeout))
    })?;
    outcome?;
    printer.status(&format!("kept-alive: {}", losses.kept));
    printer.status(&format!("one request per connection: {}", losses.one_shot));
    if losses.failed() > 0 {
        return Err(RolloutTestError::Lost {
            failed: losses.failed(),
            sent: losses.sent(),
        }
        .into());
    }
    printer.status(&format!("0 of {} requests failed", losses.sent()));
    Ok(())
}

/// Changes the pods, and waits until the rollout is complete and none is terminating.
fn step(
    printer: Printer,
    kubectl: &Kubectl,
    target: &Target,
    step: Step,
    timeout: Duration,
) -> Result<(), ShipError> {
    let deployment = format!("deployment/{}", target.deployment);
    let namespace = ["-n", target.namespace.as_str()];
    match step {
        Step::Restart => {
            printer.status(&format!("Restarting all pods of {deployment}"));
            kubectl.run(&[&["rollout", "restart", &deployment][..], &namespace].concat())?;
        }
        Step::Scale(pods) => {
            printer.status(&format!("Scaling to {pods} pods"));
            let replicas = format!("--replicas={pods}");
            kubectl.run(&[&["scale", &deployment, &replicas][..], &namespace].concat())?;
        }
        Step::DeletePod => {
            let snapshot = Snapshot::take(kubectl, target)?;
            let Some(pod) = snapshot.pods.first() else {
                return Err(RolloutTestError::NoPod.into());
            };
            let pod = pod["metadata"]["name"].as_str().unwrap_or_default();
            printer.status(&format!("Deleting pod {pod}"));
            kubectl.run(&[&["delete", "pod", pod, "--wait=true"][..], &namespace].concat())?;
        }
    }
    wait::for_rollouts(printer, kubectl, [target], timeout)?;
    gone(kubectl, target, timeout)
}

/// Waits until no pod is terminating: terminating pods still serve, which is part of the test.
fn gone(kubectl: &Kubectl, target: &Target, timeout: Duration) -> Result<(), ShipError> {
    let selector = "-o=jsonpath={.items[?(@.metadata.deletionTimestamp)].metadata.name}";
    let began = std::time::Instant::now();
    while !kubectl
        .run(&["get", "pods", "-n", &target.namespace, selector])?
        .trim()
        .is_empty()
    {
        if began.elapsed() >= timeout {
            return Err(RolloutTestError::Terminating(timeout).into());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

/// The target of the load: one address of the load balancer.
fn address(endpoint: &Endpoint) -> Result<SocketAddr, RolloutTestError> {
    let Some(authority) = endpoint.url.strip_prefix("http://") else {
        return Err(RolloutTestError::Https(endpoint.url.clone()));
    };
    let authority = authority.trim_end_matches('/');
    let port = authority.split_once(':').map_or("80", |(_, port)| port);
    let name = endpoint.connect_to.as_deref().unwrap_or(endpoint.host());
    let host = format!("{name}:{port}");
    let mut addresses = host
        .to_socket_addrs()
        .map_err(|source| RolloutTestError::Resolve {
            host: host.clone(),
            source,
        })?;
    addresses.next().ok_or(RolloutTestError::NoAddress(host))
}
