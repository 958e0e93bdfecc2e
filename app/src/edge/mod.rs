//! A connection below HTTP/1.1.
//!
//! actix-http parses requests and writes responses. This module owns the socket under it ([`stream`]),
//! records what each connection waits for ([`conn`]), closes those that wait too long, are idle at the
//! connection limit, or hold more than the [`memory`] budget allows ([`watch`]), replaces the responses of
//! actix-http that have no body
//! ([`Canned`](crate::canned::Canned)), reads the PROXY header ([`proxy`]), gives actix-http one request
//! at a time ([`framing`]), and answers what needs no parser ([`fast_path`]). It does not know
//! the routes.

mod coding;
pub(crate) mod conn;
pub(crate) mod fast_path;
pub(crate) mod framing;
pub(crate) mod linger;
pub(crate) mod memory;
pub(crate) mod proxied;
pub mod proxy;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod task;
pub(crate) mod watch;
mod window;
