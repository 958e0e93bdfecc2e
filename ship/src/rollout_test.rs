//! Restarts, scales and kills pods while a constant load runs, and counts the requests that fail.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use cli::Printer;

use crate::args::RolloutTest;
use crate::kubectl::Kubectl;
use crate::manifests::Target;
use crate::running::Running;
use crate::snapshot::Snapshot;
use crate::wait;
use loadgen::{Client, Load, Pace, Plan, Report};

/// A load never runs longer, whatever the steps do.
const LONGEST: Duration = Duration::from_hours(2);
/// A request without its answer after so long has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// The load goes on so long after the last step, for what comes late.
const AFTERMATH: Duration = Duration::from_secs(5);

/// What happens to the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// All are replaced, as by a new version.
    Restart,
    /// Their number changes.
    Scale(u32),
    /// One is deleted.
    DeletePod,
}

/// What the clients saw: those that keep connections, and those that open one for each request.
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

    /// Requests that got no complete answer.
    pub fn failed(&self) -> u64 {
        self.kept.failed() + self.one_shot.failed()
    }
}

/// Runs a load against `address` for as long as `work` takes, and a little longer. `work` can ask
/// how many requests have been sent.
///
/// # Errors
/// When the load cannot run, or `work` fails.
pub fn under_load<T>(
    address: SocketAddr,
    rate: u32,
    work: impl FnOnce(&dyn Fn() -> u64) -> anyhow::Result<T>,
) -> anyhow::Result<(T, Losses)> {
    let start = |client, connections| {
        Load::start(Plan {
            client,
            connections,
            pace: Pace::Rate(rate / 2),
            requests: u64::MAX,
            time: LONGEST,
            timeout: PATIENCE,
            ..Plan::new(address)
        })
        .context("cannot start the load")
    };
    let kept = start(Client::KeptAlive, 32)?;
    let one_shot = start(Client::OneShot, 64)?;
    let outcome = work(&|| kept.ok() + kept.failed() + one_shot.ok() + one_shot.failed());
    if outcome.is_ok() {
        std::thread::sleep(AFTERMATH);
    }
    kept.stop();
    one_shot.stop();
    let losses = Losses {
        kept: kept.finish().context("the load failed")?,
        one_shot: one_shot.finish().context("the load failed")?,
    };
    Ok((outcome?, losses))
}

/// The command: the steps of a day in a cluster, and 0 lost requests or a failure.
pub(super) fn run(printer: Printer, args: &RolloutTest) -> anyhow::Result<()> {
    let Running {
        kubectl,
        target,
        snapshot: before,
        url,
    } = Running::find(&args.cluster)?;
    let address = address(&url)?;
    let pods = u32::try_from(before.pods.len()).unwrap_or(u32::MAX);
    let steps = [
        vec![Step::Restart; args.restarts as usize],
        vec![Step::Scale(pods + 2), Step::Scale(pods), Step::DeletePod],
    ]
    .concat();
    printer.status(&format!("{} requests a second to {url}", args.rate));
    let ((), losses) = under_load(address, args.rate, |_| {
        for one in steps {
            step(printer, &kubectl, &target, one, args.timeout)?;
        }
        Ok(())
    })?;
    printer.status(&format!("kept-alive: {}", losses.kept));
    printer.status(&format!("one a connection: {}", losses.one_shot));
    if losses.failed() > 0 {
        bail!("{} of {} requests failed", losses.failed(), losses.sent());
    }
    printer.status(&format!("0 of {} requests failed", losses.sent()));
    Ok(())
}

/// Does one thing to the pods, and waits until all is calm again.
fn step(
    printer: Printer,
    kubectl: &Kubectl,
    target: &Target,
    step: Step,
    timeout: Duration,
) -> anyhow::Result<()> {
    let deployment = format!("deployment/{}", target.deployment);
    let namespace = ["-n", target.namespace.as_str()];
    match step {
        Step::Restart => {
            printer.status("Restarting all pods");
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
                bail!("there is no pod to delete")
            };
            let pod = pod["metadata"]["name"].as_str().unwrap_or_default();
            printer.status(&format!("Deleting pod {pod}"));
            kubectl.run(&[&["delete", "pod", pod, "--wait=true"][..], &namespace].concat())?;
        }
    }
    wait::for_rollout(printer, kubectl, target, timeout)?;
    gone(kubectl, target, timeout)
}

/// Waits until no pod is still leaving: it serves to the end, and that is what is tested.
fn gone(kubectl: &Kubectl, target: &Target, timeout: Duration) -> anyhow::Result<()> {
    let selector = "-o=jsonpath={.items[?(@.metadata.deletionTimestamp)].metadata.name}";
    let began = std::time::Instant::now();
    while !kubectl
        .run(&["get", "pods", "-n", &target.namespace, selector])?
        .trim()
        .is_empty()
    {
        if began.elapsed() >= timeout {
            bail!("pods are still leaving after {}s", timeout.as_secs());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

/// Where the load goes. It speaks plain HTTP, to one address of the name.
fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let Some(host) = url.strip_prefix("http://") else {
        bail!("the load speaks plain HTTP only, and the service is at {url}");
    };
    let host = host.trim_end_matches('/');
    let host = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut addresses = host
        .to_socket_addrs()
        .with_context(|| format!("cannot resolve {host}"))?;
    addresses
        .next()
        .with_context(|| format!("{host} has no address"))
}
