//! Publishing images: where they go, who we are there, and Amazon ECR's own ways.

#[cfg(feature = "ecr")]
mod ecr;
mod ecr_host;
#[cfg(feature = "ecr")]
mod ecr_http;
mod event;
mod keychain;
mod prefix;
mod publish;
mod transfer;
mod trust;

#[cfg(feature = "ecr")]
pub(crate) use ecr::EcrError;
pub(crate) use ecr_host::EcrHost;
#[cfg(feature = "ecr")]
pub(crate) use ecr_http::HttpError;
pub(crate) use event::PublishEvent;
pub(crate) use prefix::Prefix;
pub(crate) use publish::{Connection, PublishError, Publisher, check_login};
pub(crate) use transfer::{Mounts, TransferOptions, transfer};
#[cfg(test)]
pub(crate) use trust::TrustError;
pub(crate) use trust::TrustPaths;
