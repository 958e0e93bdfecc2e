//! Publishes images: destinations, credentials, and support for Amazon ECR.
//!
//! `publish` pushes below a `prefix`, with the credentials of `keychain` and the authorities of `trust`.
//! `transfer` copies with each `event`, and `dry_run` reports what would be copied.

mod dry_run;
mod ecr;
mod event;
mod keychain;
mod prefix;
mod publish;
mod transfer;
mod trust;

pub(crate) use dry_run::{DryRun, Holdings};
#[cfg(feature = "ecr")]
pub(crate) use ecr::{EcrError, HttpError};
pub(crate) use ecr::{EcrHost, is_public};
pub(crate) use event::{Plan, PublishEvent};
pub(crate) use prefix::Prefix;
pub(crate) use publish::{Connection, Creation, PublishError, Publisher, check_login, is_missing};
pub(crate) use transfer::{Mounts, TransferOptions, transfer};
#[cfg(test)]
pub(crate) use trust::TrustError;
pub(crate) use trust::TrustPaths;
