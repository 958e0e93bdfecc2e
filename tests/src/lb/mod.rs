//! A load balancer with the semantics of an AWS Network Load Balancer, with its times scaled down.
//!
//! Rollouts lose requests because a balancer notices changes late, which this one simulates:
//!
//! - It works on connections (layer 4): a target is chosen once, for a new connection.
//! - New connections go to healthy targets. A target is healthy after a number of passed checks in a row
//!   and unhealthy after a number of failed ones, at an interval.
//! - After a target was deregistered, **new connections keep coming** for about 120 s, whatever
//!   `deregistration_delay` says (aws-load-balancer-controller issues 2366 and 3270); after it was
//!   found unhealthy, for 30 to 40 s (aws/containers-roadmap issue 470). Until then it is checked.
//! - Live connections of a target that becomes unhealthy are **reset**, unless
//!   `target_health_state.unhealthy.connection_termination.enabled` is false. When no target is
//!   healthy, the balancer fails open: it resets none, and every registered target gets new
//!   connections (AWS, "Health checks for Network Load Balancer target groups").
//! - Live connections of a deregistered target are left alone, or reset at the end of the
//!   deregistration delay with `deregistration_delay.connection_termination.enabled`.
//! - A connection that a target refuses is reset at the client, and not tried elsewhere.
//! - A connection that is idle for too long is reset.
//! - A target is not checked before its registration is complete, which takes minutes at AWS.
//! - A listener may terminate TLS, and targets may get a PROXY protocol v2 header, as health checks
//!   then do too.
//!
//! With [`Layer::Requests`] it is like an Application Load Balancer: requests are balanced, over
//! kept connections to the targets. `Connection: close` from a target closes that connection and not
//! the client's. A request gets `X-Forwarded-For` and `X-Forwarded-Proto`. If a target refuses, or closes
//! without a response, the client gets a 502, and the request is not retried (AWS, "Troubleshoot your
//! Application Load Balancers", 502). Requests have no body and answers a
//! `Content-Length`; nothing is ever reset.
//!
//! Not simulated: zones, passive health checks, preserved client addresses, UDP, and TLS at layer 7.

mod balancer;
mod check;
mod flow;
mod proxy;
mod requests;
mod rules;
mod table;
mod target;
#[cfg(test)]
mod tests;

pub use balancer::LoadBalancer;
pub use rules::{HealthCheck, Layer, Probe, Rules, Scale, WhenUnhealthy};
pub use table::Counters;
pub use target::Health;
