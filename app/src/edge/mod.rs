//! A connection below HTTP/1.1.
//!
//! actix-http parses requests and writes responses. This module owns the socket under it ([`stream`]),
//! records what each connection waits for ([`conn`]), closes those that wait too long, are idle at the
//! connection limit, or hold more than the [`memory`] budget allows ([`watch`]), replaces the responses of
//! actix-http that have no body ([`Canned`](crate::canned::Canned)), reads the PROXY header ([`proxied`],
//! [`proxy`]), gives actix-http one request at a time ([`framing`]), and answers what needs no parser
//! ([`fast_path`]). It does not know the routes.
//!
//! [`socket`] uses epoll only to wait, and `window` raises its receive window; [`task`] polls the connection, and
//! closes it if its head is too large; `coding` decides between 501 and 400; [`linger`] closes without losing the
//! last response.

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
