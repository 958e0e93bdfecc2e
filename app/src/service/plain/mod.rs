//! Plain requests: a `GET` or `HEAD` of one of the one-line routes, complete in one read, without a header
//! that any handler reads.
//!
//! Nearly all requests behind a load balancer are plain, and cost one read and one write: they are
//! recognised by their bytes, and most of the response is reused from the last one. No header map is
//! filled or serialised. A request that is not recognised is not an error; actix-http parses it.
//! `recognise.rs` is therefore stricter than a parser: it knows the headers without effect, and rejects
//! all others.

mod recognise;
mod service;
#[cfg(test)]
mod tests;
mod written;

pub(crate) use service::PlainService;
