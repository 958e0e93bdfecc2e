//! The connection edge: what happens to a connection before and after HTTP/1.1 is spoken on it.
//!
//! actix-http parses requests and writes answers; this module owns the socket under it
//! ([`stream`]), knows what each connection waits for ([`conn`]), closes those that wait too long
//! ([`watch`]), answers what actix-http would answer without a body
//! ([`Canned`](crate::canned::Canned)), reads the PROXY header ([`proxy`]), gives actix-http one request at a time ([`framing`]), and spares it what needs
//! no parser ([`fast_path`]). It knows no route.

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
