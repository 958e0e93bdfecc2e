//! `nodectl` beside crictl and ctr, on a containerd with as many pods as a busy node has.

mod containerd;
mod kubelet;
pub(crate) mod markdown;
mod own;
pub(crate) mod results;
mod run;
mod targets;
mod timing;

pub(crate) use run::{Inputs, run};
