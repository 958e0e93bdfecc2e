//! The commands, a file for each, and their dispatch from the command line (`run`). `remote` has `tags`,
//! `digest`, `manifest` and `delete`; `rebuild` is `verify --rebuild`.
//!
//! They share `images`, which builds for `build` and `resolve` and checks everything before; `bases`, and
//! `deliver` and `publishing`, the destinations; `source` and `platform`, the selection of images; and `progress`.

mod apply;
mod assemble;
mod bases;
mod build;
mod context;
mod copy;
mod copy_failure;
mod deliver;
mod diff;
mod error;
mod images;
mod init;
mod inspect;
mod inspect_sbom;
mod login;
mod platform;
mod progress;
mod publishing;
mod push;
mod rebuild;
mod rebuild_error;
mod remote;
mod repository;
mod resolve;
mod run;
mod source;
mod tar_file;
mod verify;
mod verify_error;

pub(crate) use copy_failure::CopyFailure;
pub(crate) use error::{CommandError, ImageError};
pub(crate) use rebuild_error::RebuildError;
pub use run::main;
pub(crate) use verify_error::VerifyError;
