//! Checks within seconds, before anything is built, whether a cluster meets a deploy's requirements: waiting
//! for a load balancer that no controller creates takes minutes to fail.
//!
//! It installs nothing. `requirements.rs` decides, from the manifests and the state of the cluster that
//! `facts.rs` and `classes.rs` query; `subnets.rs` asks AWS.

mod balancers;
mod check;
mod classes;
mod controllers;
mod error;
mod facts;
mod problem;
mod requirements;
mod subnets;
mod templates;
#[cfg(test)]
mod tests;
mod too_few_subnets;

pub(crate) use check::check;
pub(crate) use error::PreflightError;
pub(crate) use problem::Problem;
