//! The real program against registries: one in this process that misbehaves, Debian's
//! `docker-registry` with TLS and a password, and moto for the API of Amazon ECR.
//!
//! Needs `docker-registry`, `htpasswd`, `openssl`, `skopeo`, `unshare` and, as root,
//! `moto_server` (on PATH or in `target/moto/bin`); it fails where they are missing.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

#[path = "../sandbox/mod.rs"]
mod sandbox;

mod content;
mod copy;
mod credentials;
mod distribution;
mod ecr;
mod ecr_refusals;
mod login;
mod names;
mod refusals;
mod remote;
mod services;
mod tls;
mod trust;

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// The password that moto issues.
const PASSWORD: &str = "123456789012-auth-token";
