//! Watches a running container until it exits, fails a probe, or has to stop.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::order::{Orders, shorter_stop, stop_within};
use super::pod::Pod;
use super::probes::Unhealthy;
use super::retry::{RECONNECT, RETRY_TIMEOUT};
use crate::containerd::ExitInfo;
use crate::manifest::ContainerSpec;
use crate::play::container::Started;
use crate::play::event::Event;

/// The exit code of a process that SIGKILL killed, as from the OOM killer.
pub(super) const SIGKILLED: u32 = 137;

/// Why a container is no longer watched.
pub(super) enum End {
    /// It exited, by itself or because a probe failed.
    Exit(ExitInfo),
    /// The pod has to stop.
    Ordered,
}

impl Pod {
    /// Watches a running container. When the pod has to stop, or a probe fails, sends the container its stop
    /// signal, and SIGKILL after the grace period.
    pub(super) async fn watch(
        &self,
        index: usize,
        spec: &ContainerSpec,
        started: &Started,
        age: Duration,
        orders: &mut Orders,
    ) -> End {
        let exit = self.exit_of(&started.id);
        tokio::pin!(exit);
        let (grace, by_order) = tokio::select! {
            exit = &mut exit => return End::Exit(exit),
            stop = stop_within(orders, Duration::MAX) => (stop.unwrap_or(Duration::ZERO), true),
            unhealthy = self.probe(index, spec, &started.id, age) => {
                (self.unhealthy(index, spec, unhealthy), false)
            }
        };
        if by_order {
            self.change(|status| status.terminating = true);
        }
        let mut exited = None;
        if !grace.is_zero() {
            let client = &self.ctx.client;
            let signal = self.stop_signal(spec).await;
            let send = || client.kill_task(&started.id, signal, false);
            if self.retry("signal", orders, send).await {
                tokio::select! {
                    exit = &mut exit => exited = Some(exit),
                    () = sleep(grace) => {}
                    // A second order may shorten the grace period.
                    () = shorter_stop(orders, grace) => {}
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
        self.retry("kill", orders, kill).await;
        let killed = ExitInfo {
            code: SIGKILLED,
            at_unix_ms: None,
        };
        End::Exit(timeout(RETRY_TIMEOUT, exit).await.unwrap_or(killed))
    }

    /// Reports a container whose probe failed, and returns its grace period.
    fn unhealthy(&self, index: usize, spec: &ContainerSpec, failed: Unhealthy) -> Duration {
        let Unhealthy { reason, grace_secs } = failed;
        self.change_container(index, |status| {
            status.ready = false;
            status.reason = Some(reason.clone());
        });
        self.emit(Event::Unhealthy {
            pod: self.record.name.clone(),
            container: spec.name.to_string(),
            reason,
        });
        let of_pod = self.record.template.spec.termination_grace_period_seconds;
        Duration::from_secs(grace_secs.unwrap_or(of_pod).into())
    }

    /// The image's stop signal.
    async fn stop_signal(&self, spec: &ContainerSpec) -> i32 {
        match self.ctx.image(&spec.image).await {
            Ok(Some(image)) => crate::spec::stop_signal(&image.config),
            // The image was removed, or containerd does not answer.
            Ok(None) | Err(_) => nix::libc::SIGTERM,
        }
    }

    /// Waits for a task to exit, across restarts of containerd.
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
                // After an error, the task may still run: query its state.
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
}
