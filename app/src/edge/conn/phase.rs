//! The phases of a connection.

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The PROXY header, since the connection was accepted.
    Proxy,
    /// The head of the first request, since the connection was accepted or its PROXY header was read.
    FirstHead,
    /// The next request, of which no byte has arrived.
    Idle,
    /// The rest of a later request's head.
    NextHead,
    /// The service: a request is being answered.
    Service,
    /// The rest of a body that a handler reads.
    Body,
    /// The rest of a body that no handler reads; the response is complete.
    Unread,
    /// The client, to read its response.
    Answer,
}
