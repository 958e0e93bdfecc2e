//! What the end-to-end tests share. Each test file names the real things it needs, and fails where
//! one of them is missing.

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
