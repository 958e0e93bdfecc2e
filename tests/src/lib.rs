//! The harness of the end-to-end tests. Each test file names the real services and programs that it
//! needs, and fails if one is missing.

pub mod cluster;
pub mod containerd;
pub mod eks_scripts;
pub mod lb;
pub mod lb_controller;
pub mod manifests;
pub mod moto;
pub mod pod;
mod programs;
pub mod prometheus;
pub mod rollout;

pub use programs::program;
