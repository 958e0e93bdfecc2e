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
    /// A body has too much beside its content.
    Framing,
    /// It held most, where more is held for clients than may be.
    Memory,
    /// It was idle for too long, or is idle while the listener is closed.
    Idle,
    /// The drain's deadline has passed.
    Cut,
    /// A fault was asked for.
    Abort,
}
