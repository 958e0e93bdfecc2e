//! A load generator that accounts for every request, with the reason for each failure.
//!
//! One [`Plan`] is one thread that drives many connections with epoll, so that both kinds of clients
//! cost a test little CPU time. A request has **failed** unless a complete response
//! arrived: status 200, the expected body, nothing after it, within the timeout. A
//! refused or reset connection is a failure, and so is one that the server closes after a request
//! was sent on it, including a reused one; requests are never retried. As browsers and load
//! balancers do, a client honours `Connection: close`, and the server may close a kept-alive
//! connection *between* requests: the next request opens another.
//!
//! Under a constant rate, latency is measured from when a request was due, not from when a
//! connection became free (no coordinated omission), so a stall shows in every request it delayed.
//!
//! It speaks HTTP/1.1 with `Content-Length` only: no TLS, no chunked responses, no redirects.

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
