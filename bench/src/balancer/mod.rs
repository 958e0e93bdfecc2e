//! The load balancer of `nodectl up` beside nginx's stream module and `HAProxy` in TCP mode.

pub(crate) mod markdown;
pub(crate) mod results;
mod run;
mod subject;
mod targets;

pub(crate) use run::{Inputs, run};
