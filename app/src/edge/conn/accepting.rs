//! What precedes the first request of an accepted connection: the restriction to probes, and the PROXY header.

use super::{Conn, Phase};
use crate::edge::proxy::Source;

impl Conn {
    /// Restricts the connection to probes.
    pub(crate) fn restrict_to_probes(&self) {
        self.probes_only.set(true);
    }

    /// Whether only probes are answered.
    pub(crate) fn is_for_probes_only(&self) -> bool {
        self.probes_only.get()
    }

    /// Expects a PROXY header before the first request.
    pub(crate) fn expect_proxy_header(&self) {
        self.phase.set(Phase::Proxy);
    }

    /// The PROXY header was read, or there is none.
    pub(crate) fn on_proxy_header(&self, source: Option<Source>) {
        if let Some(source) = source {
            let is_first = self.proxied.set(source);
            debug_assert!(is_first.is_ok(), "a connection has one PROXY header");
        }
        self.received.set(0);
        self.enter(Phase::FirstHead);
    }

    /// What a PROXY header from a trusted peer names.
    pub(crate) fn proxied(&self) -> Option<&Source> {
        self.proxied.get()
    }
}
