//! A pod as its worker sees it: what it is created from, and its status, of which each change is reported.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use crate::manifest::ContainerSpec;
use crate::play::context::Context;
use crate::play::event::Event;
use crate::play::record::PodRecord;
use crate::play::status::{ContainerState, ContainerStatus, PodStatus};

/// A worker's report: a pod's name and its status.
pub(in crate::play) type Report = (String, PodStatus);

/// A pod and its status.
pub(super) struct Pod {
    pub(super) ctx: Arc<Context>,
    pub(super) record: PodRecord,
    status: Mutex<PodStatus>,
    reports: mpsc::UnboundedSender<Report>,
}

impl Pod {
    /// A pod whose containers do not run yet. Its status is reported at the first change.
    pub(super) fn new(
        ctx: Arc<Context>,
        record: PodRecord,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
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
        Self {
            ctx,
            record,
            status: Mutex::new(status),
            reports,
        }
    }

    /// Changes the status and reports it.
    pub(super) fn change(&self, change: impl FnOnce(&mut PodStatus)) {
        let mut status = self.status.lock().expect("no holder of the lock panics");
        let ready = status.ready();
        change(&mut status);
        if status.ready() != ready && !status.terminating {
            let pod = self.record.name.clone();
            self.emit(Event::Ready { pod, ready: !ready });
        }
        // The controller may have been dropped.
        let _ = self
            .reports
            .send((self.record.name.clone(), status.clone()));
    }

    pub(super) fn change_container(&self, index: usize, change: impl FnOnce(&mut ContainerStatus)) {
        self.change(|status| change(&mut status.containers[index]));
    }

    pub(super) fn emit(&self, event: Event) {
        self.ctx.emit(event);
    }

    pub(super) fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        self.emit(Event::Failed {
            pod: self.record.name.clone(),
            reason: cli::one_line(error),
        });
    }
}
