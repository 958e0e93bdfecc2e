//! Rolls out a Deployment as Kubernetes and the load balancer controller do.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::lb::{Health, LoadBalancer, Scale};
use crate::pod::Pod;

/// The time limit for a pod to become ready or healthy.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// The times of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From SIGTERM to the target's deregistration: the API server, the controller, AWS's API.
    pub controller_lag: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// From a new pod's target becoming healthy to the next step.
    pub min_ready: Duration,
}

impl Timing {
    /// The times that fit a drain of 150 s and 30 s: grace 210 s, `minReadySeconds` 10.
    pub fn nlb(scale: Scale) -> Self {
        Self {
            controller_lag: scale.seconds(2),
            grace: scale.seconds(210),
            min_ready: scale.seconds(10),
        }
    }

    /// The times that fit a drain of 70 s and 30 s: grace 120 s.
    pub fn short(scale: Scale) -> Self {
        Self {
            grace: scale.seconds(120),
            ..Self::nlb(scale)
        }
    }
}

/// The termination of a pod.
#[derive(Clone, Debug)]
pub struct Termination {
    /// The exit status; `None` if it was killed at the end of the grace period.
    pub status: Option<ExitStatus>,
    /// From SIGTERM to exit.
    pub took: Duration,
    /// The tail of its log.
    pub log: String,
}

/// The pods behind a load balancer.
#[derive(Debug)]
pub struct Deployment<'lb> {
    lb: &'lb LoadBalancer,
    program: PathBuf,
    settings: Vec<(&'static str, String)>,
    timing: Timing,
    pods: Vec<Pod>,
    terminating: Vec<std::thread::JoinHandle<io::Result<Termination>>>,
}

impl<'lb> Deployment<'lb> {
    /// Starts `replicas` pods and waits until their targets are healthy.
    ///
    /// # Errors
    /// When a pod does not become ready.
    pub fn start(
        lb: &'lb LoadBalancer,
        program: PathBuf,
        settings: Vec<(&'static str, String)>,
        timing: Timing,
        replicas: usize,
    ) -> io::Result<Self> {
        let (pods, terminating) = (Vec::new(), Vec::new());
        let mut deployment = Self {
            lb,
            program,
            settings,
            timing,
            pods,
            terminating,
        };
        for _ in 0..replicas {
            let pod = deployment.start_pod()?;
            deployment.pods.push(pod);
        }
        for pod in &deployment.pods {
            deployment.wait_healthy(pod)?;
        }
        Ok(deployment)
    }

    /// Replaces every pod, one at a time: `maxSurge` 1, `maxUnavailable` 0, and a readiness gate
    /// that waits for the balancer. Returns while the last pods still drain, as a Deployment's rollout does.
    ///
    /// # Errors
    /// When a new pod does not become ready.
    pub fn replace_all(&mut self) -> io::Result<()> {
        for _ in 0..self.pods.len() {
            let new = self.start_pod()?;
            self.wait_healthy(&new)?;
            sleep(self.timing.min_ready);
            let old = self.pods.remove(0);
            self.pods.push(new);
            self.delete_pod(old);
        }
        Ok(())
    }

    /// The names of the pods that are not draining.
    pub fn names(&self) -> Vec<String> {
        self.pods.iter().map(Pod::name).collect()
    }

    /// Waits for the terminating pods, and returns how each terminated.
    ///
    /// # Errors
    /// When one cannot be waited for.
    ///
    /// # Panics
    /// When a waiting thread panicked.
    pub fn wait_for_terminating(&mut self) -> io::Result<Vec<Termination>> {
        let terminating = std::mem::take(&mut self.terminating);
        terminating
            .into_iter()
            .map(|pod| pod.join().expect("waiting does not panic"))
            .collect()
    }

    /// Starts a pod, waits for its readiness probe, and registers it.
    fn start_pod(&self) -> io::Result<Pod> {
        let mut pod = Pod::start(&self.program, &self.settings)?;
        pod.wait_ready("/readyz", READY_TIMEOUT)?;
        self.lb.register(pod.public());
        Ok(pod)
    }

    fn wait_healthy(&self, pod: &Pod) -> io::Result<()> {
        if self
            .lb
            .wait_for(pod.public(), Health::Healthy, READY_TIMEOUT)
        {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the load balancer does not report the target healthy",
        ))
    }

    /// Deletes a pod: SIGTERM at once, deregistration after the controller's lag.
    fn delete_pod(&mut self, pod: Pod) {
        pod.terminate();
        let signalled = Instant::now();
        let deadline = signalled + self.timing.grace;
        let target = pod.public();
        self.terminating.push(std::thread::spawn(move || {
            let (status, log) = pod.wait(deadline)?;
            Ok(Termination {
                status,
                took: signalled.elapsed(),
                log,
            })
        }));
        sleep(self.timing.controller_lag);
        self.lb.deregister(target);
    }
}
