//! Runs Kubernetes Deployments and Services on this machine's containerd, and inspects a node.

pub mod args;
pub mod balancer;
pub mod commands;
pub mod containerd;
pub mod images;
pub mod manifest;
pub mod network;
pub mod node;
pub mod play;
pub mod publish;
pub mod spec;
mod verdict;
