//! Every variant of every error, with its exit code and whether it has a hint. The build without
//! Amazon ECR has fewer variants and is not tested here.

#![allow(
    clippy::unwrap_used,
    clippy::unnecessary_box_returns,
    reason = "values for rows of a test, in the form that the variants hold them"
)]

mod build;
mod command;
mod registry;
mod values;
