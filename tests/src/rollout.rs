//! What Kubernetes and the load balancer controller do to the pods of a Deployment.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::lb::{Health, LoadBalancer, Scale};
use crate::pod::Pod;

/// How long anything may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The times of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From SIGTERM to the target's deregistration: the API server, the controller, AWS's API.
    pub controller_lag: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// From a new pod's health to the next step.
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

/// How a pod that was told to end did.
#[derive(Clone, Debug)]
pub struct Ended {
    /// `None` when the grace was over and it was killed.
    pub status: Option<ExitStatus>,
    /// From SIGTERM to its end.
    pub took: Duration,
    /// The last of its log.
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
    leaving: Vec<std::thread::JoinHandle<io::Result<Ended>>>,
}

impl<'lb> Deployment<'lb> {
    /// Starts `replicas` pods and waits until the balancer finds them healthy.
    ///
    /// # Errors
    /// When a pod does not come up.
    pub fn start(
        lb: &'lb LoadBalancer,
        program: PathBuf,
        settings: Vec<(&'static str, String)>,
        timing: Timing,
        replicas: usize,
    ) -> io::Result<Self> {
        let (pods, leaving) = (Vec::new(), Vec::new());
        let mut deployment = Self {
            lb,
            program,
            settings,
            timing,
            pods,
            leaving,
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
    /// that waits for the balancer. Returns while the last ones still drain, as Kubernetes does.
    ///
    /// # Errors
    /// When a new pod does not come up.
    pub fn replace_all(&mut self) -> io::Result<()> {
        for _ in 0..self.pods.len() {
            let new = self.start_pod()?;
            self.wait_healthy(&new)?;
            sleep(self.timing.min_ready);
            let old = self.pods.remove(0);
            self.pods.push(new);
            self.end_pod(old);
        }
        Ok(())
    }

    /// Waits for the pods that were told to end, and says how they did.
    ///
    /// # Errors
    /// When one cannot be waited for.
    ///
    /// # Panics
    /// When a waiting thread did.
    pub fn wait_for_leaving(&mut self) -> io::Result<Vec<Ended>> {
        let leaving = std::mem::take(&mut self.leaving);
        leaving
            .into_iter()
            .map(|pod| pod.join().expect("waiting does not panic"))
            .collect()
    }

    /// Starts a pod, waits for its readiness probe, and registers it.
    fn start_pod(&self) -> io::Result<Pod> {
        let mut pod = Pod::start(&self.program, &self.settings)?;
        pod.wait_ready("/readyz", PATIENCE)?;
        self.lb.register(pod.public());
        Ok(pod)
    }

    fn wait_healthy(&self, pod: &Pod) -> io::Result<()> {
        if self.lb.wait_for(pod.public(), Health::Healthy, PATIENCE) {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the balancer does not find the pod healthy",
        ))
    }

    /// Deletes a pod: SIGTERM at once, the deregistration when the controller comes to it.
    fn end_pod(&mut self, pod: Pod) {
        pod.terminate();
        let told = Instant::now();
        let deadline = told + self.timing.grace;
        let target = pod.public();
        self.leaving.push(std::thread::spawn(move || {
            let (status, log) = pod.wait(deadline)?;
            Ok(Ended {
                status,
                took: told.elapsed(),
                log,
            })
        }));
        sleep(self.timing.controller_lag);
        self.lb.deregister(target);
    }
}
