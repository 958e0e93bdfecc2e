//! Rollouts behind the simulated load balancers of AWS, at AWS's own times, by the tests of `make e2e`: how
//! long they take, and what clients see.

pub(crate) mod markdown;
pub(crate) mod results;
mod run;
mod targets;

pub(crate) use run::{Inputs, run};
