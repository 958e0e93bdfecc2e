//! The loop: handles the reports of the workers and reconciles, until all pods have to stop.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep_until;

use super::state::Controller;
use super::stop::Stop;
use crate::play::worker::Report;

impl Controller {
    /// Runs until `stop` changes, then stops all pods and returns when all are gone.
    pub async fn run(mut self, mut stop: watch::Receiver<Stop>) {
        self.reconcile();
        loop {
            let wake = self.next_wake();
            tokio::select! {
                Some(report) = self.reports.recv() => self.handle_report(report),
                Some(_) = self.workers.join_next() => {}
                () = sleep_until(wake) => {}
                _ = stop.wait_for(|stop| *stop != Stop::No) => break,
            }
            while let Ok(report) = self.reports.try_recv() {
                self.handle_report(report);
            }
            self.reconcile();
        }
        self.stop_all(stop).await;
    }

    async fn stop_all(&mut self, mut stop: watch::Receiver<Stop>) {
        let mut ordered = None;
        loop {
            let now = *stop.borrow_and_update();
            if ordered != Some(now) {
                ordered = Some(now);
                let limit = match now {
                    Stop::Within(limit) => limit,
                    Stop::Now | Stop::No => Duration::ZERO,
                };
                for name in self.pods.keys().cloned().collect::<Vec<_>>() {
                    self.stop_pod(&name, limit);
                }
            }
            if self.workers.is_empty() {
                return;
            }
            tokio::select! {
                Some(report) = self.reports.recv() => {
                    self.handle_report(report);
                    self.publish();
                }
                _ = self.workers.join_next() => {}
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    fn handle_report(&mut self, (name, status): Report) {
        if status.gone {
            self.pods.remove(&name);
        } else if let Some(entry) = self.pods.get_mut(&name) {
            entry.set_status(status);
        }
    }
}
