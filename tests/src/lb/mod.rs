//! A load balancer with the semantics of an AWS Network Load Balancer, with its times scaled down.
//!
//! What makes rollouts lose requests is not that a balancer balances but when it learns things, so
//! that is what is simulated here:
//!
//! - It works on connections (layer 4): a target is chosen once, for a new connection.
//! - New connections go to healthy targets. A target is healthy after so many good checks in a row
//!   and unhealthy after so many bad ones, at an interval.
//! - After a target was deregistered, **new connections keep coming** for about 120 s, whatever
//!   `deregistration_delay` says (aws-load-balancer-controller issues 2366 and 3270); after it was
//!   found unhealthy, for 30 to 40 s (aws/containers-roadmap issue 470). Until then it is checked.
//! - Live connections of a target that becomes unhealthy are **reset**, unless
//!   `target_health_state.unhealthy.connection_termination.enabled` is false. None is when no
//!   target is healthy: then it fails open, and every registered target gets new connections
//!   (AWS, "Health checks for Network Load Balancer target groups").
//! - Live connections of a deregistered target are left alone, or reset at the end of the
//!   deregistration delay with `deregistration_delay.connection_termination.enabled`.
//! - A connection that a target refuses is reset at the client, and not tried elsewhere.
//! - A connection idle for too long is cut.
//!
//! With [`Layer::Requests`] it is like an Application Load Balancer: requests are balanced, over
//! kept connections to the targets. `Connection: close` from a target ends that connection and not
//! the client's. A target that refuses, or closes on a request, is a 502, and is not tried again
//! (AWS, "Troubleshoot your Application Load Balancers", 502). Requests have no body and answers a
//! `Content-Length`; nothing is ever reset.
//!
//! Not simulated: zones, passive health checks, client addresses, UDP, TLS, and the minutes a
//! registration takes.

mod balancer;
mod check;
mod flow;
mod requests;
mod rules;
mod table;
mod target;
#[cfg(test)]
mod tests;

pub use balancer::LoadBalancer;
pub use rules::{HealthCheck, Layer, Rules, Scale, WhenUnhealthy};
pub use table::Counters;
pub use target::Health;
