//! Looks after one pod from its making to its end: the kubelet's part.
//!
//! A worker owns its pod: nobody else touches its containers. It tells its status through a channel
//! and takes one order, to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::backoff::Backoff;
use super::container::{self, Started};
use super::context::Context;
use super::event::Event;
use super::observe::ObservedContainer;
use super::record::PodRecord;
use super::status::{ContainerState, ContainerStatus, PodStatus};
use super::{cgroup, probe, sandbox, writers};
use crate::containerd::{self, ExitInfo, TaskState};
use crate::manifest::ContainerSpec;

/// How a pod is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Run.
    Run,
    /// SIGTERM, and SIGKILL after this long.
    Stop(Duration),
}

/// A worker's report: which pod, and how it is.
pub(super) type Report = (String, PodStatus);

/// Runs a pod until it is ordered to stop; returns when nothing of the pod is left, or when it cannot
/// be stopped because containerd is gone.
pub(super) async fn run(
    ctx: Arc<Context>,
    record: PodRecord,
    found: Vec<ObservedContainer>,
    order: watch::Receiver<Order>,
    reports: mpsc::UnboundedSender<Report>,
) {
    let containers = record.template.spec.containers.iter();
    let waiting = |spec: &ContainerSpec| ContainerStatus {
        name: spec.name.to_string(),
        state: ContainerState::Waiting("Creating".to_owned()),
        restarts: 0,
        ready: false,
        reason: None,
    };
    let status = PodStatus {
        containers: containers.map(waiting).collect(),
        address: Some(record.address),
        terminating: false,
        gone: false,
    };
    let pod = Arc::new(Pod {
        ctx,
        record,
        status: std::sync::Mutex::new(status),
        reports,
    });
    pod.change(|_| {});
    let removed = if pod.prepare(order.clone()).await {
        let mut all = JoinSet::new();
        for index in 0..pod.record.template.spec.containers.len() {
            let name = &pod.record.template.spec.containers[index].name;
            let mine = found
                .iter()
                .filter(|one| *name == one.name)
                .cloned()
                .collect();
            let pod = Arc::clone(&pod);
            let order = order.clone();
            all.spawn(async move { pod.keep(index, mine, order).await });
        }
        let mut removed = true;
        while let Some(kept) = all.join_next().await {
            removed &= kept.unwrap_or(false);
        }
        removed
    } else {
        let mut removed = true;
        for one in &found {
            removed &= pod.remove(&one.id, &order).await;
        }
        removed
    };
    if !removed {
        // Its processes may still use its network and its files: they stay with it.
        pod.ctx.tell(Event::Left {
            pod: pod.record.name.clone(),
        });
        return pod.change(|status| status.gone = true);
    }
    pod.change(|status| status.terminating = true);
    sleep(LAST_PACKETS).await;
    if let Err(error) = sandbox::remove(&pod.ctx.instance, &pod.record).await {
        pod.failed(&error);
    }
    pod.ctx.tell(Event::Stopped {
        pod: pod.record.name.clone(),
    });
    pod.change(|status| status.gone = true);
}

/// Between the end of a pod's last process and that of its network. What the kernel still has to say
/// for the process, an end or a reset, may wait in a queue that goes with the link.
const LAST_PACKETS: Duration = Duration::from_millis(100);

/// Between two tries of something that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Between two looks at a containerd that is restarting.
const RECONNECT: Duration = Duration::from_millis(200);

/// How long something is retried that must be done, before the pod is given up as it is.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a pod that is to stop waits for a containerd that is gone: a restart takes about 1 s.
const LOST_TIMEOUT: Duration = Duration::from_secs(5);

/// The exit status of a process that SIGKILL terminated, as the out-of-memory killer does.
const SIGKILLED: u32 = 137;

struct Pod {
    ctx: Arc<Context>,
    record: PodRecord,
    status: std::sync::Mutex<PodStatus>,
    reports: mpsc::UnboundedSender<Report>,
}

/// How a container's run ended.
enum End {
    /// By itself, or by a probe's verdict.
    Exit(ExitInfo),
    /// By order.
    Ordered,
}

/// A start that was given up because the pod is to stop.
struct Ordered {
    /// Nothing of a failed attempt is left.
    clean: bool,
}

impl Pod {
    /// Changes the status and reports it.
    fn change(&self, change: impl FnOnce(&mut PodStatus)) {
        let mut status = self.status.lock().expect("no holder of the lock panics");
        let ready = status.ready();
        change(&mut status);
        if status.ready() != ready && !status.terminating {
            let pod = self.record.name.clone();
            self.ctx.tell(Event::Ready { pod, ready: !ready });
        }
        let _ = self
            .reports
            .send((self.record.name.clone(), status.clone()));
    }

    fn change_container(&self, index: usize, change: impl FnOnce(&mut ContainerStatus)) {
        self.change(|status| change(&mut status.containers[index]));
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        self.ctx.tell(Event::Failed {
            pod: self.record.name.clone(),
            reason: cli::one_line(error),
        });
    }

    /// Makes the pod's surroundings, however often it takes; `false` if it is to stop before.
    async fn prepare(&self, mut order: watch::Receiver<Order>) -> bool {
        loop {
            match sandbox::ensure(&self.ctx.instance, &self.ctx.bridge, &self.record).await {
                Ok(()) => return *order.borrow() == Order::Run,
                Err(error) => self.failed(&error),
            }
            if ordered(&mut order, RETRY).await.is_some() {
                return false;
            }
        }
    }

    /// Keeps one container running until it is ordered to stop; `false` if what it had started could
    /// not be removed.
    async fn keep(
        &self,
        index: usize,
        mut found: Vec<ObservedContainer>,
        mut order: watch::Receiver<Order>,
    ) -> bool {
        let spec = &self.record.template.spec.containers[index];
        let mut backoff = Backoff::default();
        // The last start is the one that counts; the others are remains.
        found.sort_by_key(|one| one.restarts);
        let mut current = None;
        let mut restarts = 0;
        if let Some(last) = found.pop() {
            restarts = last.restarts;
            let running = last
                .process
                .filter(|process| process.state == TaskState::Running);
            if let Some(process) = running {
                current = Some((
                    Started {
                        id: last.id,
                        pid: process.pid,
                    },
                    last.created_at,
                ));
            } else {
                // It ended while nobody looked: that is a restart, without anyone to blame for it.
                restarts += u32::from(last.process.is_some());
                found.push(last);
            }
        }
        let mut removed = true;
        for remains in &found {
            removed &= self.remove(&remains.id, &order).await;
        }
        loop {
            let (started, age) = match current.take() {
                Some((started, created_at)) => {
                    let now_secs = (self.ctx.clock)() / 1000;
                    let age = created_at.map_or(0, |at| now_secs.saturating_sub(at));
                    (
                        started,
                        Duration::from_secs(u64::try_from(age).unwrap_or(0)),
                    )
                }
                None => match self.start(index, restarts, &mut order).await {
                    Ok(started) => (started, Duration::ZERO),
                    Err(Ordered { clean }) => return removed && clean,
                },
            };
            let began = Instant::now();
            self.change_container(index, |status| {
                status.state = ContainerState::Running { pid: started.pid };
                status.reason = None;
                status.restarts = restarts;
            });
            let id = &started.id;
            let writer = writers::keep(&self.ctx, &self.record, &spec.name, restarts, id);
            let end = self.watch(index, spec, &started, age, &mut order).await;
            // Its pipes close when the container is deleted, and then it exits.
            drop(writer);
            match end {
                End::Ordered => return self.remove(&started.id, &order).await && removed,
                End::Exit(exit) => {
                    let delay = backoff.after(age + began.elapsed());
                    let code = exit.code;
                    let path = self
                        .record
                        .container_cgroup(&self.ctx.instance, &started.id);
                    let oom = code == SIGKILLED && cgroup::oom_killed(&path);
                    self.change_container(index, |status| {
                        status.ready = false;
                        status.state = ContainerState::Exited { code, oom };
                    });
                    self.ctx.tell(Event::Exited {
                        pod: self.record.name.clone(),
                        container: spec.name.to_string(),
                        code,
                        oom,
                        restart_in_secs: Some(delay.as_secs()),
                    });
                    if !delay.is_zero() {
                        self.change_container(index, |status| {
                            status.state = ContainerState::Waiting("CrashLoopBackOff".to_owned());
                            status.reason = oom.then(|| "OOMKilled".to_owned());
                        });
                    }
                    let stop = ordered(&mut order, delay).await.is_some();
                    restarts += 1;
                    if stop {
                        return self.remove(&started.id, &order).await && removed;
                    }
                    // The new one first: a nodectl that is killed in between still finds the pod.
                    let new = self.start(index, restarts, &mut order).await;
                    removed &= self.remove(&started.id, &order).await;
                    match new {
                        Ok(new) => current = Some((new, None)),
                        Err(Ordered { clean }) => return removed && clean,
                    }
                }
            }
        }
    }

    /// Starts a container, however often it takes, unless the pod is ordered to stop before.
    ///
    /// What a failed attempt left is removed before the next one: where only containerd's answer was
    /// lost, its process runs and holds the pod's ports.
    async fn start(
        &self,
        index: usize,
        restarts: u32,
        order: &mut watch::Receiver<Order>,
    ) -> Result<Started, Ordered> {
        let spec = &self.record.template.spec.containers[index];
        let client = &self.ctx.client;
        let mut pause = RETRY;
        let mut retries = 0;
        let mut remains: Option<String> = None;
        loop {
            if *order.borrow() != Order::Run {
                let clean = match &remains {
                    Some(id) => {
                        let remove = || container::remove_attempt(client, id);
                        self.retry("remove", order, remove).await
                    }
                    None => true,
                };
                return Err(Ordered { clean });
            }
            if let Some(id) = &remains
                && let Err(error) = container::remove_attempt(client, id).await
            {
                self.failed(&error);
                let _ = ordered(order, pause).await;
                pause = (pause * 2).min(RETRY_TIMEOUT);
                continue;
            }
            match container::start(&self.ctx, &self.record, spec, restarts, retries).await {
                Ok(started) => {
                    self.ctx.tell(Event::Started {
                        pod: self.record.name.clone(),
                        container: spec.name.to_string(),
                        pid: started.pid,
                    });
                    return Ok(started);
                }
                Err(error) => {
                    let name = &spec.name;
                    remains = Some(self.record.container_id(name, restarts, retries));
                    self.change_container(index, |status| {
                        status.state = ContainerState::Waiting("StartError".to_owned());
                        status.reason = Some(cli::one_line(&error));
                    });
                    self.failed(&error);
                }
            }
            let _ = ordered(order, pause).await;
            pause = (pause * 2).min(RETRY_TIMEOUT);
            retries += 1;
        }
    }

    /// Watches a running container: its end, its probes, and orders.
    async fn watch(
        &self,
        index: usize,
        spec: &ContainerSpec,
        started: &Started,
        age: Duration,
        order: &mut watch::Receiver<Order>,
    ) -> End {
        let exit = self.exit_of(&started.id);
        tokio::pin!(exit);
        let grace = tokio::select! {
            exit = &mut exit => return End::Exit(exit),
            stop = ordered(order, Duration::MAX) => stop.map(|grace| (grace, true)),
            (reason, own_grace) = self.probes(index, spec, &started.id, age) => {
                self.change_container(index, |status| {
                    status.ready = false;
                    status.reason = Some(reason.clone());
                });
                self.ctx.tell(Event::Unhealthy {
                    pod: self.record.name.clone(),
                    container: spec.name.to_string(),
                    reason,
                });
                let of_pod = self.record.template.spec.termination_grace_period_seconds;
                let secs = own_grace.unwrap_or(of_pod);
                Some((Duration::from_secs(secs.into()), false))
            }
        };
        let (grace, by_order) = grace.unwrap_or((Duration::ZERO, true));
        if by_order {
            self.change(|status| status.terminating = true);
        }
        let mut exited = None;
        if !grace.is_zero() {
            let client = &self.ctx.client;
            let signal = self.stop_signal(spec).await;
            let send = || client.kill_task(&started.id, signal, false);
            if self.retry("signal", order, send).await {
                tokio::select! {
                    exit = &mut exit => exited = Some(exit),
                    () = sleep(grace) => {}
                    // A second order, with a shorter grace period, cuts the first one's short.
                    () = shortened(order, grace) => {}
                }
            }
        }
        if by_order {
            return End::Ordered;
        }
        if let Some(exit) = exited {
            return End::Exit(exit);
        }
        let client = &self.ctx.client;
        let id = &started.id;
        let kill = || client.kill_task(id, nix::libc::SIGKILL, true);
        self.retry("kill", order, kill).await;
        let killed = ExitInfo {
            code: 137,
            at_unix_ms: None,
        };
        End::Exit(timeout(RETRY_TIMEOUT, exit).await.unwrap_or(killed))
    }

    /// The signal by which the image wants to be stopped.
    async fn stop_signal(&self, spec: &ContainerSpec) -> i32 {
        match self.ctx.image(&spec.image).await {
            Ok(Some(image)) => crate::spec::stop_signal(&image.config),
            // An image that was removed since, or a containerd that does not answer now.
            Ok(None) | Err(_) => nix::libc::SIGTERM,
        }
    }

    /// Waits for a task to end, across restarts of containerd.
    async fn exit_of(&self, id: &str) -> ExitInfo {
        let client = &self.ctx.client;
        let unknown = ExitInfo {
            code: 255,
            at_unix_ms: None,
        };
        loop {
            match client.wait_task(id).await {
                Ok(exit) => return exit,
                Err(error) if error.is_not_found() => return unknown,
                // No answer is no exit: the task is asked for itself.
                Err(_) => match client.task(id).await {
                    Ok(None) => return unknown,
                    Ok(Some(process)) => match process.exit {
                        Some(exit) => return exit,
                        None => sleep(RECONNECT).await,
                    },
                    Err(_) => sleep(RECONNECT).await,
                },
            }
        }
    }

    /// Probes a container; returns when it is to be restarted, with the reason and the grace period
    /// of the probe, where it has one of its own.
    async fn probes(
        &self,
        index: usize,
        spec: &ContainerSpec,
        id: &str,
        age: Duration,
    ) -> (String, Option<u32>) {
        let target = probe::Target {
            ctx: &self.ctx,
            id,
            spec,
            address: self.record.address,
        };
        let began = Instant::now();
        if let Some(startup) = &spec.startup_probe {
            let mut outcome = None;
            probe::watch(startup, target, age, true, |success, reason| {
                outcome = Some((success, reason.to_owned()));
                false
            })
            .await;
            if let Some((false, reason)) = outcome {
                let grace = startup.termination_grace_period_seconds;
                return (format!("startup probe: {reason}"), grace);
            }
        }
        let age = age + began.elapsed();
        let readiness = async {
            match &spec.readiness_probe {
                None => self.change_container(index, |status| status.ready = true),
                Some(readiness) => {
                    probe::watch(readiness, target, age, true, |ready, reason| {
                        self.change_container(index, |status| {
                            status.ready = ready;
                            status.reason = (!ready).then(|| format!("readiness probe: {reason}"));
                        });
                        true
                    })
                    .await;
                }
            }
            std::future::pending::<(String, Option<u32>)>().await
        };
        let liveness = async {
            let mut failed = None;
            if let Some(liveness) = &spec.liveness_probe {
                probe::watch(liveness, target, age, false, |alive, reason| {
                    failed = (!alive).then(|| reason.to_owned());
                    alive
                })
                .await;
            }
            let liveness = spec.liveness_probe.as_ref();
            let grace = liveness.and_then(|probe| probe.termination_grace_period_seconds);
            match failed {
                Some(reason) => (format!("liveness probe: {reason}"), grace),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            reason = readiness => reason,
            reason = liveness => reason,
        }
    }

    async fn remove(&self, id: &str, order: &watch::Receiver<Order>) -> bool {
        let client = &self.ctx.client;
        self.retry("remove", order, || container::remove(client, id))
            .await
    }

    /// Retries until it works; gives up, with an event, when that takes too long, and sooner if the
    /// pod is to stop and containerd is gone.
    async fn retry<T, F>(
        &self,
        action: &str,
        order: &watch::Receiver<Order>,
        mut attempt: impl FnMut() -> F,
    ) -> bool
    where
        F: Future<Output = Result<T, containerd::Error>>,
    {
        let began = Instant::now();
        let mut stopping_since = None;
        loop {
            let Err(error) = attempt().await else {
                return true;
            };
            let stopping = *order.borrow() != Order::Run && error.is_unavailable();
            let give_up = if stopping {
                *stopping_since.get_or_insert(Instant::now()) + LOST_TIMEOUT
            } else {
                began + RETRY_TIMEOUT
            };
            if Instant::now() >= give_up {
                let reason = format!("cannot {action} a container, giving up: {error}");
                self.ctx.tell(Event::Failed {
                    pod: self.record.name.clone(),
                    reason,
                });
                return false;
            }
            sleep(RECONNECT).await;
        }
    }
}

/// Waits at most `limit` for the order to stop, and returns its grace period.
async fn ordered(order: &mut watch::Receiver<Order>, limit: Duration) -> Option<Duration> {
    let stop = async {
        let given = order
            .wait_for(|order| *order != Order::Run)
            .await
            .map(|order| *order);
        match given {
            Ok(Order::Stop(grace)) => grace,
            // Who gives orders is gone, as after a panic: the pods are left to the next nodectl.
            _ => std::future::pending().await,
        }
    };
    timeout(limit, stop).await.ok()
}

/// Waits for an order with a shorter grace period than `grace`.
async fn shortened(order: &mut watch::Receiver<Order>, grace: Duration) {
    let shorter = |order: &Order| matches!(order, Order::Stop(other) if *other < grace);
    if order.wait_for(shorter).await.is_err() {
        std::future::pending::<()>().await;
    }
}
