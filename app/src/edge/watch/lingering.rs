//! Connections that linger: closed by the service, until the client has its last response.

use std::rc::Rc;

use super::Watch;

/// The most connections that linger at a time; beyond them a response may be lost to a reset.
pub(crate) const MOST_LINGERING: usize = 256;

impl Watch {
    /// Closes a connection in the background, so that its last response arrives. At the limit it is dropped.
    pub(crate) fn linger(&self, closing: impl Future<Output = ()> + 'static) {
        if self.lingering.get() < MOST_LINGERING {
            let lingering = Rc::clone(&self.lingering);
            lingering.set(lingering.get() + 1);
            tokio::task::spawn_local(async move {
                closing.await;
                lingering.set(lingering.get() - 1);
            });
        }
    }

    /// Connections that linger.
    pub(crate) fn lingering(&self) -> usize {
        self.lingering.get()
    }
}
