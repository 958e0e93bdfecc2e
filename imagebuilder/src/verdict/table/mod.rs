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

use std::error::Error;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;

use cli::input::InputError;
use cli::{Verdict, verdict_table};
use oci::copy::CopyError;
use oci::image::{DocumentError, Index, NoPlatform};
use oci::layout::LayoutError;
use oci::registry::{
    CredentialError, Credentials, OciError, Problem, Proxies, ProxyError, RegistryError,
    Repository, Settings,
};
use oci::{Descriptor, Digest, MediaType, Mismatch, Platform, Reference, ReferenceError};

use crate::assets::AssetError;
use crate::attest::{AttestError, SignatureError, SignatureTagError};
use crate::auditable::{EmbedError, SectionError};
use crate::base::{BaseError, PinError};
use crate::builder::BuildError;
use crate::c::CError;
use crate::cargo::CompileError;
use crate::cargo_config::CargoConfigError;
use crate::checkout::CheckoutError;
use crate::commands::{CommandError, CopyFailure, ImageError, RebuildError, VerifyError};
use crate::contents::ContentError;
use crate::elf::ElfError;
use crate::engine::{EngineError, Host};
use crate::fit::FitError;
use crate::image_source::SourceError;
use crate::key::{DecryptError, KeyError};
use crate::layer::LayerError;
use crate::metadata::MetadataError;
use crate::program::ProgramError;
use crate::registry::{EcrError, HttpError};
use crate::registry::{PublishError, TrustError};
use crate::resolve::ResolveError;
use crate::sbom::{LockError, SbomError};
use crate::setting_values::SettingError;
use crate::target::TargetError;
use crate::verdict::layout::layout;
use crate::verdict::place::copy;
use crate::workspace::WorkspaceError;

const HINT: bool = true;
const NONE: bool = false;

fn io_error() -> io::Error {
    io::Error::other("x")
}

fn c_error() -> CError {
    CError {
        path: path(),
        source: io_error(),
    }
}

fn digest() -> Digest {
    Digest::of(b"")
}

fn glibc() -> crate::elf::GlibcVersion {
    serde_json::from_str("[2, 36]").unwrap()
}

fn text() -> String {
    "x".to_owned()
}

fn path() -> PathBuf {
    "x".into()
}

fn reference() -> Box<Reference> {
    Box::new("x".parse().unwrap())
}

fn bad_reference() -> ReferenceError {
    "X".parse::<Reference>().unwrap_err()
}

fn no_platform() -> NoPlatform {
    Index::new(Vec::new())
        .select(&Platform::host())
        .unwrap_err()
}

fn document_error() -> DocumentError {
    DocumentError::SchemaVersion {
        what: "x",
        actual: 1,
    }
}

fn mismatch() -> Mismatch {
    Mismatch::Long {
        digest: digest(),
        expected: 1,
    }
}

fn damaged() -> LayoutError {
    LayoutError::Damaged {
        path: path(),
        source: mismatch(),
    }
}

fn request(url: &str, problem: Problem) -> RegistryError {
    RegistryError {
        method: "GET",
        url: url.to_owned(),
        problem: Box::new(problem),
        gave_up: None,
    }
}

fn unreachable() -> RegistryError {
    request(
        "https://r.example/v2/",
        Problem::Unreachable(io_error().into()),
    )
}

/// As for a CGI script, whose `HTTP_PROXY` may be its client's.
fn proxy_error() -> ProxyError {
    let variables = ["REQUEST_METHOD", "HTTP_PROXY"];
    let proxies = Proxies::from_variables(|name| variables.contains(&name).then(text));
    let settings = Settings {
        proxies,
        ..Settings::default()
    };
    let reference: Reference = "r.invalid/x".parse().unwrap();
    let settings = Settings {
        plain_http: true,
        ..settings
    };
    let keychain = std::sync::Arc::new(Credentials::Anonymous);
    let repository = Repository::pull(&reference, settings, keychain).unwrap();
    match *repository.resolve("v1").unwrap_err().problem {
        Problem::Proxy(error) => error,
        other => panic!("{other}"),
    }
}

fn answered(status: u16, code: &str) -> Problem {
    let error = OciError {
        code: code.to_owned(),
        message: String::new(),
    };
    Problem::Status {
        status,
        error: Some(error),
    }
}

fn credential_error(unreachable: bool) -> CredentialError {
    let source: Box<dyn Error + Send + Sync> = "x".into();
    CredentialError {
        registry: text(),
        origin: text(),
        unreachable,
        source,
    }
}

fn engine() -> Host {
    Host::Socket(path())
}

fn no_such_image() -> EngineError {
    EngineError::NoSuchImage {
        host: engine(),
        reference: reference(),
    }
}

fn unread() -> CopyError<LayoutError, LayoutError> {
    CopyError::Read {
        digest: digest(),
        source: damaged(),
    }
}
