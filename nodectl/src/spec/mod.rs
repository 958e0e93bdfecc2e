//! The runtime spec of a container: from a pod's template and an image's config. `build` joins `environment`
//! (also command, arguments and the downward API), `user`, `capabilities`, `seccomp`, `mounts` and `resources`;
//! `stop_signal` is used later.
//!
//! <https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md>

mod build;
mod capabilities;
mod environment;
mod mounts;
mod resources;
mod seccomp;
mod stop_signal;
mod user;

pub(crate) use build::{SpecError, SpecInput, build};
pub(crate) use environment::PodFields;
pub(crate) use mounts::BindMount;
pub(crate) use stop_signal::stop_signal;
pub(crate) use user::{RunUser, UserError, resolve_user};
