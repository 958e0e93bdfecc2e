//! Checks manifests as a whole, before anything is created: by the API server's rules for objects, and
//! by the limits of one machine.
//!
//! The rules follow `pkg/apis/{core,apps}/validation` of Kubernetes 1.36. Names, enumerations and
//! types are checked earlier, when a manifest is parsed.
//!
//! `objects.rs` checks all objects; each kind, and each part of a pod, has a file.

mod container;
mod deployment;
mod error;
mod names;
mod objects;
mod pod;
mod probe;
mod problems;
mod security;
mod service;
mod standard;

pub use error::CheckError;
pub use objects::check;
