//! Plays Kubernetes Deployments and Services on this machine's containerd.

pub mod containerd;
pub mod images;
pub mod manifest;
pub mod network;
pub mod spec;
