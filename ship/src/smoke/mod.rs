//! Tests the behaviour of a running service that users, the load balancer and browsers rely on. It works
//! with any URL, and changes nothing.
//!
//! It does not test readiness: for minutes after a rollout, a load balancer may still send to draining pods,
//! which answer `/readyz` with 503 while they serve everything else. Only responses of the new revision's
//! pods count, and the test passes once all of them have answered.
//!
//! `visits.rs` opens the connections, `checks.rs` has what is tested on each, and `inside.rs` tests an internal
//! load balancer from a pod instead.

mod checks;
mod client;
mod command;
mod expected;
mod inside;
#[cfg(test)]
mod tests;
mod visits;

pub(crate) use command::{deployed, run};
pub(crate) use inside::{check as check_inside, is_inside};
