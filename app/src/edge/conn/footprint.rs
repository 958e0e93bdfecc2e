//! How much memory a connection takes, and when its socket's buffers are to grow.

use super::{Conn, Phase};
use crate::edge::framing::Body;
use crate::edge::memory::{
    BLOCKED_BYTES, BULK_BYTES, CHUNK_BYTES, CONNECTION_BYTES, HELD_BYTES, PARSER_BYTES,
    SMALL_BUFFER_BYTES,
};

impl Conn {
    /// An estimate of the memory that it takes.
    pub(in crate::edge) fn footprint(&self) -> usize {
        let mut bytes = CONNECTION_BYTES;
        if self.is_parsed.get() {
            // Buffers grow by doubling, and a body is copied into its response.
            let growing = self.received.get() + self.body_bytes.get();
            bytes += PARSER_BYTES + self.retained.get() + 2 * growing;
            bytes += CHUNK_BYTES * self.most_queued.get();
        }
        if self.is_bulk.get() {
            bytes += BULK_BYTES;
        }
        if self.blocked.get() {
            bytes += BLOCKED_BYTES;
        }
        if self.holds.get() && matches!(self.phase.get(), Phase::Service | Phase::Answer) {
            bytes += HELD_BYTES;
        }
        bytes
    }

    /// Whether more than this many bytes of the request's body are still to come.
    pub(in crate::edge) fn expects_more_than(&self, bytes: usize) -> bool {
        match self.body.get() {
            Body::Length(left) => self.is_busy() && left > bytes as u64,
            Body::Chunked(..) => self.is_busy(),
        }
    }

    /// Whether the socket's buffers are to be enlarged now, which happens once: the client sends a large
    /// body, and more of it is expected.
    pub(in crate::edge) fn starts_upload(&self) -> bool {
        self.phase.get() == Phase::Body
            && self.body_bytes.get() >= SMALL_BUFFER_BYTES
            && self.body.get() != Body::NONE
            && !self.is_bulk.replace(true)
    }

    /// The same for a client that reads: the send buffer could not hold the response.
    pub(in crate::edge) fn starts_download(&self) -> bool {
        self.blocked.get() && !self.is_bulk.replace(true)
    }
}
