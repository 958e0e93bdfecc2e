//! Runs Kubernetes Deployments and Services on this machine's containerd, and inspects a node.

pub mod args;
pub mod balancer;
pub mod commands;
pub mod containerd;
mod images;
mod logs;
pub mod manifest;
mod network;
mod node;
pub mod play;
mod publish;
mod spec;
mod verdict;
mod window;
