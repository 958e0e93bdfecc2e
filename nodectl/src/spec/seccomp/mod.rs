//! The seccomp profile of `RuntimeDefault`: containerd's default profile.
//!
//! It lists the allowed system calls. All others fail with EPERM. Profiles of a container's own (`Localhost`) are
//! refused when a manifest is checked.

mod profile;
mod syscalls;

pub(super) use profile::runtime_default;
