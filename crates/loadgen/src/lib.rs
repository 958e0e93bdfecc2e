//! A load generator that tells every request that did not get its answer, and why.
//!
//! One [`Plan`] is one thread that drives many connections by epoll, so that load of both kinds of
//! client costs a test little of the machine. A request has **failed** unless its complete answer
//! came: status 200, the expected body, nothing after it, within the time-out. That includes a
//! connection that was refused or reset, one that was closed on a request already sent, and one
//! that was closed while it was being reused; nothing is ever sent again to hide a loss. As
//! browsers and load balancers do, a client honours `Connection: close`, and a kept-alive
//! connection that is closed *between* requests is no failure: the next request opens another.
//!
//! Latency is counted from when a request was due, not from when a free connection let it go
//! (under a constant rate), so a stall shows in every request it delayed.
//!
//! It speaks HTTP/1.1 with `Content-Length` only: no TLS, no chunked answers, no redirects.

mod connection;
pub mod cpu;
mod plan;
mod report;
pub mod response;
mod schedule;
#[cfg(test)]
mod tests;
mod worker;

pub use plan::{Client, Pace, Plan};
pub use report::{Failure, Latency, Reason, Report};
pub use worker::Load;
