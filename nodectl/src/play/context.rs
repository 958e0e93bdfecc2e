//! The state that the workers of all pods share.

use std::collections::BTreeMap;

use tokio::sync::{Mutex, mpsc};

use super::event::Event;
use super::instance::Instance;
use super::machine::Machine;
use super::record::labels;
use crate::containerd::{Containerd, Labels};
use crate::images::{LookupError, RunImage, lookup};
use crate::network::Bridge;

/// The state that all workers share.
#[derive(Debug)]
pub struct Context {
    /// containerd, in the instance's namespace.
    pub client: Containerd,
    /// The instance.
    pub instance: Instance,
    /// The pods' bridge.
    pub bridge: Bridge,
    /// The machine.
    pub machine: Machine,
    /// Milliseconds since 1970.
    pub clock: fn() -> i64,
    /// Creates random hex digits, 32 at least.
    pub random: fn() -> String,
    /// The receiver of events.
    pub events: mpsc::UnboundedSender<Event>,
    /// Images by name, read once each.
    pub images: Mutex<BTreeMap<String, RunImage>>,
}

/// The longest time for which a lease holds resources that are being created.
const LEASE_MS: i64 = 15 * 60 * 1000;

impl Context {
    /// When a lease that is created now expires, in milliseconds since 1970.
    pub(super) fn expiry(&self) -> i64 {
        (self.clock)() + LEASE_MS
    }

    /// The image called `name`.
    pub(super) async fn image(&self, name: &str) -> Result<Option<RunImage>, LookupError> {
        let mut images = self.images.lock().await;
        if let Some(image) = images.get(name) {
            return Ok(Some(image.clone()));
        }
        let mark = (labels::INSTANCE.to_owned(), self.instance.id.clone());
        let found = lookup(&self.client, name, &Labels::from([mark])).await?;
        if let Some(image) = &found {
            images.insert(name.to_owned(), image.clone());
        }
        Ok(found)
    }

    pub(super) fn emit(&self, event: Event) {
        // The receiver is gone while the program exits.
        let _ = self.events.send(event);
    }
}
