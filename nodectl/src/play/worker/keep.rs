//! Keeps a container running: restarts it when it exits, with a backoff.

use std::time::Duration;

use tokio::time::Instant;

use super::order::{Orders, stop_within};
use super::pod::Pod;
use super::start::Abandoned;
use super::watch::{End, SIGKILLED};
use crate::containerd::ExitInfo;
use crate::play::backoff::Backoff;
use crate::play::cgroup;
use crate::play::container::Started;
use crate::play::event::Event;
use crate::play::observe::ObservedContainer;
use crate::play::status::ContainerState;
use crate::play::writers;

/// A running container.
struct Running {
    started: Started,
    /// How long it had been running when this nodectl began to watch it.
    age: Duration,
}

/// The starts of a container that an earlier nodectl created.
struct Remains {
    /// Its last start, if it runs.
    running: Option<Running>,
    /// How often it was restarted.
    restarts: u32,
    /// The IDs of its other starts, which have to be removed.
    surplus: Vec<String>,
}

impl Remains {
    fn of(mut found: Vec<ObservedContainer>, now_secs: i64) -> Self {
        found.sort_by_key(|one| one.restarts);
        let mut remains = Self {
            running: None,
            restarts: 0,
            surplus: Vec::new(),
        };
        if let Some(last) = found.pop() {
            remains.restarts = last.restarts;
            if let Some(pid) = last.pid() {
                let secs = last.created_at.map_or(0, |at| now_secs.saturating_sub(at));
                remains.running = Some(Running {
                    started: Started { id: last.id, pid },
                    age: Duration::from_secs(u64::try_from(secs).unwrap_or(0)),
                });
            } else {
                // It exited while no nodectl was watching, which counts as a restart.
                remains.restarts += u32::from(last.process.is_some());
                found.push(last);
            }
        }
        remains.surplus = found.into_iter().map(|one| one.id).collect();
        remains
    }
}

impl Pod {
    /// Keeps one container running until the pod is ordered to stop; `false` if one of its starts could not
    /// be removed.
    pub(super) async fn keep(
        &self,
        index: usize,
        found: Vec<ObservedContainer>,
        mut orders: Orders,
    ) -> bool {
        let spec = &self.record.template.spec.containers[index];
        let mut backoff = Backoff::default();
        let Remains {
            running: mut current,
            mut restarts,
            surplus,
        } = Remains::of(found, (self.ctx.clock)() / 1000);
        let mut removed = self
            .remove_all(surplus.iter().map(String::as_str), &orders)
            .await;
        loop {
            let Running { started, age } = match current.take() {
                Some(running) => running,
                None => match self.start(index, restarts, &mut orders).await {
                    Ok(started) => Running {
                        started,
                        age: Duration::ZERO,
                    },
                    Err(Abandoned { clean }) => return removed && clean,
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
            let end = self.watch(index, spec, &started, age, &mut orders).await;
            // The writer exits when the container is deleted, which closes its pipes.
            drop(writer);
            let exit = match end {
                End::Ordered => return self.remove(id, &orders).await && removed,
                End::Exit(exit) => exit,
            };
            let delay = backoff.after(age + began.elapsed());
            self.exited(index, id, exit, delay);
            let stop = stop_within(&mut orders, delay).await.is_some();
            restarts += 1;
            if stop {
                return self.remove(id, &orders).await && removed;
            }
            // The next start is created first: if nodectl is killed in between, its successor still finds the
            // pod.
            let next = self.start(index, restarts, &mut orders).await;
            removed &= self.remove(id, &orders).await;
            match next {
                Ok(started) => {
                    current = Some(Running {
                        started,
                        age: Duration::ZERO,
                    });
                }
                Err(Abandoned { clean }) => return removed && clean,
            }
        }
    }

    /// Reports that a container exited and will be restarted after a delay.
    fn exited(&self, index: usize, id: &str, exit: ExitInfo, delay: Duration) {
        let name = &self.record.template.spec.containers[index].name;
        let code = exit.code;
        let cgroup = self.record.container_cgroup(&self.ctx.instance, id);
        let oom = code == SIGKILLED && cgroup::oom_killed(&cgroup);
        self.change_container(index, |status| {
            status.ready = false;
            status.state = ContainerState::Exited { code, oom };
        });
        self.emit(Event::Exited {
            pod: self.record.name.clone(),
            container: name.to_string(),
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
    }
}
