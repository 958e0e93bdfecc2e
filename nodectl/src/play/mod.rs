//! Runs Deployments and Services on one machine: the parts of a cluster's controllers and kubelet that it
//! needs.
//!
//! It is level-triggered: each round compares the desired with the observed state, and the pods that a
//! killed nodectl left running are adopted. There is no scheduler and no API server.

mod backoff;
mod cgroup;
mod container;
mod context;
mod controller;
mod event;
mod instance;
mod machine;
mod observe;
mod plan;
mod probe;
mod record;
pub mod reported;
mod sandbox;
mod sandbox_error;
mod shared;
mod shim;
mod status;
mod sweep;
mod worker;
mod writers;

pub use backoff::Backoff;
pub use cgroup::oom_killed;
pub use context::Context;
pub use controller::{Controller, PodRow, Stop};
pub use event::Event;
pub use instance::{Instance, InstanceError, Lock};
pub use machine::Machine;
pub use observe::{Observed, ObservedContainer, observe, observe_expected};
pub use plan::{Action, DesiredState, PodView, plan};
pub use probe::ProbeState;
pub use record::{PodRecord, labels};
pub use sandbox_error::SandboxError;
pub use status::{ContainerState, ContainerStatus, PodStatus};
pub use sweep::{Removed, SweepError, remove_all};
pub use writers::listen;
