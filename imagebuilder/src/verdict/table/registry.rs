//! Errors of places of images, registries among them.

use std::sync::Arc;

use cli::{Verdict, verdict_table};
use oci::copy::CopyError;
use oci::layout::LayoutError;
use oci::registry::{
    CredentialError, Credentials, OciError, Problem, Proxies, ProxyError, RegistryError,
    Repository, Settings,
};
use oci::{Descriptor, MediaType, Reference};

use super::values::{
    HINT, NONE, bad_reference, credential_error, damaged, digest, document_error, engine, io_error,
    mismatch, no_platform, no_such_image, path, reference, text, unreachable, unread,
};
use crate::commands::CopyFailure;
use crate::engine::EngineError;
use crate::registry::{EcrError, HttpError, PublishError, TrustError};
use crate::verdict::layout::layout;
use crate::verdict::place::copy;
use crate::verdict::registry_exit::exit;

type Copy = CopyError<LayoutError, RegistryError>;

/// As for a CGI script, whose `HTTP_PROXY` may be its client's.
fn proxy_error() -> ProxyError {
    let variables = ["REQUEST_METHOD", "HTTP_PROXY"];
    let proxies = Proxies::from_variables(|name| variables.contains(&name).then(text));
    let settings = Settings {
        proxies,
        plain_http: true,
        ..Settings::default()
    };
    let reference: Reference = "r.invalid/x".parse().unwrap();
    let keychain = Arc::new(Credentials::Anonymous);
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

#[test]
fn errors_of_the_container_engine() {
    verdict_table!(Verdict::of, EngineError,
        EngineError::Host { .. } => EngineError::Host { host: text(), problem: "x" }, Usage, HINT;
        EngineError::Unreachable { .. } => EngineError::Unreachable {
            host: engine(), source: io_error().into() }, Unreachable, HINT;
        EngineError::Status { .. } => EngineError::Status {
            host: engine(), request: "x", status: 500, message: text() }, Failed, NONE;
        EngineError::NoSuchImage { .. } => no_such_image(), Usage, HINT;
        EngineError::Load { .. } => EngineError::Load { host: engine(), message: text() }, Failed, NONE;
        EngineError::Read { .. } => EngineError::Read { host: engine(), source: io_error() }, Failed, NONE;
        EngineError::Damaged { .. } => EngineError::Damaged {
            host: engine(), source: mismatch() }, Mismatch, NONE;
    );
}

#[test]
fn errors_of_layouts_and_copies() {
    verdict_table!(layout, LayoutError,
        LayoutError::NotALayout { .. } => LayoutError::NotALayout { path: path(), problem: "x" }, Usage, NONE;
        LayoutError::NotAnArchive { .. } => LayoutError::NotAnArchive { path: path(), problem: "x" }, Usage, NONE;
        LayoutError::Io { .. } => LayoutError::Io {
            operation: "x", path: path(), source: io_error() }, Failed, NONE;
        LayoutError::Document { .. } => LayoutError::Document {
            path: path(), source: document_error() }, Failed, NONE;
        LayoutError::MissingBlob { .. } => LayoutError::MissingBlob { path: path(), digest: digest() }, Failed, HINT;
        LayoutError::Damaged { .. } => damaged(), Mismatch, HINT;
        LayoutError::WrongKind { .. } => LayoutError::WrongKind {
            descriptor: Box::new(Descriptor::of(MediaType::OCI_INDEX, b"")), wanted: "x" }, Failed, NONE;
        LayoutError::NoPlatform { .. } => LayoutError::NoPlatform {
            path: path(),
            digest: digest(),
            source: Box::new(no_platform()),
        }, Usage, NONE;
        LayoutError::NoSuchImage { .. } => LayoutError::NoSuchImage {
            path: path(), reference: reference(), available: text() }, Usage, NONE;
    );
    verdict_table!(copy, Copy,
        Copy::Read { .. } => Copy::Read { digest: digest(), source: damaged() }, Mismatch, HINT;
        Copy::Document { .. } => Copy::Document { digest: digest(), source: document_error() }, Failed, NONE;
        Copy::Kind { .. } => Copy::Kind {
            digest: digest(), media_type: MediaType::new("x") }, Failed, NONE;
        Copy::Write { .. } => Copy::Write { digest: digest(), source: unreachable() }, Unreachable, NONE;
        Copy::Name { .. } => Copy::Name {
            digest: digest(), name: text(), source: unreachable() }, Unreachable, NONE;
    );
}

#[test]
fn errors_of_registries() {
    fn elsewhere(problem: &Problem) -> Verdict {
        // A problem cannot be cloned: its exit code does not depend on the URL, the hint does.
        let exit = exit(problem);
        Verdict { exit, hint: None }
    }
    verdict_table!(elsewhere, Problem,
        Problem::Unreachable(_) => Problem::Unreachable(io_error().into()), Unreachable, NONE;
        Problem::Status { status: 500.., .. } => answered(503, "UNAVAILABLE"), Unreachable, NONE;
        Problem::Status { status: 401 | 403, .. } => answered(403, "DENIED"), Authentication, NONE;
        Problem::Status { .. } => answered(404, "NAME_UNKNOWN"), Failed, NONE;
        Problem::Unauthorized { .. } => Problem::Unauthorized {
            anonymous: true, error: None }, Authentication, NONE;
        Problem::Credentials(CredentialError { unreachable: true, .. }) => {
            Problem::Credentials(credential_error(true)) }, Unreachable, NONE;
        Problem::Credentials(_) => Problem::Credentials(credential_error(false)), Authentication, NONE;
        Problem::Challenge => Problem::Challenge, Authentication, NONE;
        Problem::Token => Problem::Token, Failed, NONE;
        Problem::Proxy(_) => Problem::Proxy(proxy_error()), Usage, NONE;
        Problem::Redirect { .. } => Problem::Redirect { target: text(), why: "x" }, Failed, NONE;
        Problem::Header { .. } => Problem::Header { name: "x" }, Failed, NONE;
        Problem::Mismatch(_) => Problem::Mismatch(mismatch()), Mismatch, NONE;
        Problem::OtherDigest { .. } => Problem::OtherDigest {
            expected: digest(), actual: digest() }, Mismatch, NONE;
        Problem::Immutable { .. } => Problem::Immutable {
            expected: digest(), actual: digest(), status: 400, error: None }, Failed, NONE;
        Problem::Contended { .. } => Problem::Contended { updates: 1 }, Failed, NONE;
        Problem::Read(_) => Problem::Read(io_error()), Failed, NONE;
        Problem::Document(_) => Problem::Document(document_error()), Failed, NONE;
    );
    verdict_table!(Verdict::of, PublishError,
        PublishError::File { .. } => PublishError::File { path: path(), source: io_error() }, Usage, NONE;
        PublishError::NoCertificate { .. } => PublishError::NoCertificate { path: path() }, Usage, NONE;
        PublishError::Trust(_) => PublishError::Trust(TrustError {
            variable: "x", path: path(), problem: text() }), Usage, NONE;
        PublishError::Reference(_) => PublishError::Reference(bad_reference()), Usage, NONE;
        PublishError::NotEcr { .. } => PublishError::NotEcr { registry: text() }, Usage, NONE;
        PublishError::Ecr(_) => PublishError::Ecr(EcrError::NoToken { region: text() }), Authentication, NONE;
        PublishError::Connect { .. } => PublishError::Connect {
            registry: text(), source: unreachable() }, Unreachable, NONE;
        PublishError::Copy { .. } => PublishError::Copy {
            reference: reference(),
            source: CopyError::Read { digest: digest(), source: damaged() } }, Mismatch, HINT;
    );
}

#[test]
fn errors_of_amazon_ecr() {
    let token = |unreachable| EcrError::Token {
        region: text(),
        reason: text(),
        unreachable,
    };
    let create = |unreachable| EcrError::Create {
        repository: text(),
        region: text(),
        reason: text(),
        unreachable,
        denied: false,
    };
    verdict_table!(Verdict::of, EcrError,
        EcrError::Runtime(_) => EcrError::Runtime(io_error()), Failed, NONE;
        EcrError::Http(HttpError::Setup { .. }) => EcrError::Http(HttpError::Setup {
            problem: text() }), Failed, NONE;
        EcrError::Http(HttpError::Proxy(_)) => EcrError::Http(HttpError::Proxy(proxy_error())), Usage, NONE;
        EcrError::Token { unreachable: true, .. } => token(true), Unreachable, NONE;
        EcrError::Token { .. } => token(false), Authentication, HINT;
        EcrError::NoToken { .. } => EcrError::NoToken { region: text() }, Authentication, NONE;
        EcrError::Create { unreachable: true, .. } => create(true), Unreachable, NONE;
        EcrError::Create { .. } => create(false), Authentication, HINT;
    );
}

#[test]
fn errors_of_copies() {
    verdict_table!(Verdict::of, CopyFailure,
        CopyFailure::Layouts(_) => CopyFailure::Layouts(unread()), Mismatch, HINT;
        CopyFailure::Pack(_) => CopyFailure::Pack(CopyError::Write {
            digest: digest(), source: mismatch().into() }), Mismatch, NONE;
        CopyFailure::PullPacked(_) => CopyFailure::PullPacked(CopyError::Read {
            digest: digest(), source: unreachable() }), Unreachable, NONE;
        CopyFailure::Push(_) => CopyFailure::Push(CopyError::Write {
            digest: digest(), source: unreachable() }), Unreachable, NONE;
        CopyFailure::Pull(_) => CopyFailure::Pull(CopyError::Read {
            digest: digest(), source: unreachable() }), Unreachable, NONE;
        CopyFailure::Registries(_) => CopyFailure::Registries(CopyError::Read {
            digest: digest(), source: unreachable() }), Unreachable, NONE;
    );
}
