//! Amazon ECR with the AWS SDK: its host names, credential chain, tokens and repositories. Images are moved by
//! the client for all registries, [`oci::registry`].
//!
//! The region is the registry's, even if the environment names another. `AWS_ENDPOINT_URL_ECR` and
//! the other settings of the SDK have their usual effect. Without the feature `ecr`, only the host names are
//! known.

#[cfg(feature = "ecr")]
mod client;
#[cfg(feature = "ecr")]
mod error;
mod host;
#[cfg(feature = "ecr")]
mod http;
#[cfg(feature = "ecr")]
mod private;
#[cfg(feature = "ecr")]
mod public;
#[cfg(feature = "ecr")]
mod sdk;
#[cfg(feature = "ecr")]
mod token;

#[cfg(feature = "ecr")]
pub(super) use client::Ecr;
#[cfg(feature = "ecr")]
pub(crate) use error::EcrError;
pub(crate) use host::{AMAZON_RATES, EcrHost, is_public};
#[cfg(feature = "ecr")]
pub(crate) use http::HttpError;
