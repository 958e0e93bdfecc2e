//! The fields of Deployments and Services that are not supported here, each with a rule.
//!
//! A field is supported, refused, or, if it has no effect on one machine without an API server, ignored
//! with a warning that names its path. A field that restricts or protects is never ignored. Fields that
//! Kubernetes does not know are refused, as by `kubectl apply`.
//!
//! `tables.rs` lists the fields, and `judge.rs` applies their rules to an object. The values of supported fields
//! are checked later, in `check/`.

mod default_value;
mod judge;
mod rule;
mod tables;
#[cfg(test)]
mod tests;

pub(super) use judge::{Unsupported, judge};
