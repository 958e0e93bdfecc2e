//! Errors of keys, signatures and the source of an image.

use cli::{Exit, ExitError};

use super::place::PlaceError as _;
use crate::attest::{SignatureError, SignatureTagError};
use crate::checkout::CheckoutError;
use crate::commands::RebuildError;
use crate::key::KeyError;

impl ExitError for KeyError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. }
            | Self::Kind { .. }
            | Self::NoPassword { .. }
            | Self::Decrypt { .. }
            | Self::Invalid { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Kind { .. } | Self::Invalid { .. } => Some(
                "`cosign generate-key-pair` creates a pair; so does `openssl ecparam -genkey -noout -name \
                 prime256v1`, with `openssl ec -pubout` for the public key"
                    .to_owned(),
            ),
            Self::Read { .. } | Self::NoPassword { .. } | Self::Decrypt { .. } => None,
        }
    }
}

impl ExitError for CheckoutError {
    fn exit(&self) -> Exit {
        match self {
            Self::Run(_) => Exit::Failed,
            Self::NoCommit { .. }
            | Self::Dirty { .. }
            | Self::Ignored { .. }
            | Self::NoRemote { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Dirty { .. } => Some(
                "provenance names a commit: commit the changes, or build without --provenance"
                    .to_owned(),
            ),
            Self::Ignored { .. } => Some(
                "provenance names a commit: commit the file, or build without --provenance"
                    .to_owned(),
            ),
            Self::NoRemote { .. } => {
                Some("git remote add origin URL, where the source can be cloned".to_owned())
            }
            Self::Run(_) | Self::NoCommit { .. } => None,
        }
    }
}

impl ExitError for SignatureError {
    fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            Self::Missing { .. } | Self::Refused { .. } => Exit::Mismatch,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Source(error) => error.hint(),
            Self::Missing { .. } | Self::Refused { .. } => None,
        }
    }
}

impl ExitError for SignatureTagError {
    fn exit(&self) -> Exit {
        match self {
            Self::Registry(error) => error.verdict().exit,
            Self::Document { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Registry(error) => error.verdict().hint,
            Self::Document { .. } => None,
        }
    }
}

impl ExitError for RebuildError {
    fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            Self::NoProvenance { .. } | Self::Refused { .. } | Self::Differ { .. } => {
                Exit::Mismatch
            }
            Self::Directory(_) | Self::Git(_) | Self::Checkout { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Source(error) => error.hint(),
            Self::NoProvenance { .. } => {
                Some("`imagebuilder build --provenance` attaches it to an image".to_owned())
            }
            Self::Checkout { .. } => Some(
                "give another repository with the commit, such as a clone, with --source-repository"
                    .to_owned(),
            ),
            Self::Differ { .. } => Some(
                "another version of the compiler or of imagebuilder gives another digest; the \
                 provenance names both"
                    .to_owned(),
            ),
            Self::Refused { .. } | Self::Directory(_) | Self::Git(_) => None,
        }
    }
}
