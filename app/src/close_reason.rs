//! Why the service closes a connection of its own accord.

/// Why the service closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The first head stalled.
    FirstHead,
    /// A later head stalled.
    NextHead,
    /// A body stalled.
    Body,
    /// The client stopped reading.
    Answer,
    /// The head is larger than the limit.
    HeadTooLarge,
    /// A chunked body has too many bytes beside its content.
    Framing,
    /// The memory budget is exceeded, and this connection holds the most.
    Memory,
    /// It was idle for too long, makes room for another, or is idle while the listener is closed.
    Idle,
    /// The drain's deadline has passed.
    Cut,
    /// A fault was injected.
    Abort,
}

impl CloseReason {
    /// Whether the connection is reset without a response: its client does not read one, or must not get
    /// one. [`Memory`](Self::Memory) is included; a request that is still arriving is answered before that.
    pub(crate) const fn resets(self) -> bool {
        match self {
            Self::Answer | Self::Memory | Self::Cut | Self::Abort => true,
            Self::FirstHead
            | Self::NextHead
            | Self::Body
            | Self::HeadTooLarge
            | Self::Framing
            | Self::Idle => false,
        }
    }
}
