//! Every variant of every error, with its exit code and whether it has a hint. The build without
//! Amazon ECR has fewer variants and is not tested here.

#![allow(
    clippy::unwrap_used,
    clippy::unnecessary_box_returns,
    reason = "values for rows of a test, in the form that the variants hold them"
)]

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

use super::layout::layout;
use super::place::copy;
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
use crate::registry::{EcrError, HttpError};
use crate::registry::{PublishError, TrustError};
use crate::resolve::ResolveError;
use crate::sbom::{LockError, SbomError};
use crate::setting_values::SettingError;
use crate::target::TargetError;
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
fn errors_of_building() {
    verdict_table!(Verdict::of, WorkspaceError,
        WorkspaceError::Metadata(_) => WorkspaceError::Metadata(Box::new(
            cargo_metadata::Error::CargoMetadata { stderr: text() })), Usage, HINT;
        WorkspaceError::NoGraph => WorkspaceError::NoGraph, Failed, NONE;
        WorkspaceError::Locate(_) => WorkspaceError::Locate(io_error()), Failed, NONE;
        WorkspaceError::NoDefaultPackage { .. } => WorkspaceError::NoDefaultPackage {
            manifest: path(), available: text() }, Usage, NONE;
        WorkspaceError::NoSuchPackage { similar: Some(_), .. } => WorkspaceError::NoSuchPackage {
            wanted: text(), root: path(), available: text(), similar: Some(text()) }, Usage, HINT;
        WorkspaceError::NoSuchPackage { .. } => WorkspaceError::NoSuchPackage {
            wanted: text(), root: path(), available: text(), similar: None }, Usage, NONE;
        WorkspaceError::NoBinary { .. } => WorkspaceError::NoBinary { package: text() }, Usage, HINT;
        WorkspaceError::SeveralBinaries { .. } => WorkspaceError::SeveralBinaries {
            package: text(), available: text() }, Usage, HINT;
        WorkspaceError::NoSuchBinary { .. } => WorkspaceError::NoSuchBinary {
            package: text(), wanted: text(), available: text() }, Usage, NONE;
        WorkspaceError::Ambiguous { .. } => WorkspaceError::Ambiguous {
            spec: text(), available: text() }, Usage, HINT;
        WorkspaceError::Settings(_) => WorkspaceError::Settings(MetadataError {
            table: "x", manifest: path(), line: None, source: text().into() }), Usage, NONE;
    );
    verdict_table!(Verdict::of, SettingError,
        SettingError::NameHasMore { .. } => SettingError::NameHasMore { text: text() }, Usage, NONE;
        SettingError::Name(_) => SettingError::Name(bad_reference()), Usage, NONE;
        SettingError::User { .. } => SettingError::User { text: text() }, Usage, NONE;
        SettingError::Platform(_) => SettingError::Platform("x".parse::<Platform>().unwrap_err()), Usage, NONE;
        SettingError::Path { .. } => SettingError::Path { text: text() }, Usage, NONE;
        SettingError::Signal { .. } => SettingError::Signal { text: text() }, Usage, NONE;
        SettingError::EnvName { .. } => SettingError::EnvName { text: text() }, Usage, NONE;
        SettingError::BuildEnvName { .. } => SettingError::BuildEnvName { text: text(), why: "x" }, Usage, NONE;
    );
}

#[test]
fn errors_of_compiling() {
    let platform = || Box::new(Platform::host());
    verdict_table!(Verdict::of, TargetError,
        TargetError::Unsupported { .. } => TargetError::Unsupported { platform: platform() }, Usage, NONE;
        TargetError::NotInstalled { .. } => TargetError::NotInstalled {
            platform: platform(), triple: "x" }, Failed, HINT;
        TargetError::Rustc { .. } => TargetError::Rustc { program: path(), source: io_error() }, Failed, HINT;
        TargetError::RustcFailed { .. } => TargetError::RustcFailed {
            program: path(), args: text(), stderr: text() }, Failed, NONE;
    );
    verdict_table!(Verdict::of, CompileError,
        CompileError::Spawn { .. } => CompileError::Spawn { cargo: path(), source: io_error() }, Failed, HINT;
        CompileError::Config(_) => CompileError::Config(CargoConfigError::Read {
            path: path(), source: io_error() }), Usage, NONE;
        CompileError::Target(_) => CompileError::Target(TargetError::Unsupported { platform: platform() }), Usage, NONE;
        CompileError::C(_) => CompileError::C(c_error()), Failed, NONE;
        CompileError::NoCCompiler { .. } => CompileError::NoCCompiler { package: text(), triple: "x" }, Failed, HINT;
        CompileError::Interrupted => CompileError::Interrupted, Interrupted, NONE;
        CompileError::Messages(_) => CompileError::Messages(io_error()), Failed, NONE;
        CompileError::Failed { .. } => CompileError::Failed {
            package: text(), triple: "x", status: ExitStatus::from_raw(256) }, Failed, NONE;
        CompileError::NoArtifact { .. } => CompileError::NoArtifact { package: text(), bin: text() }, Failed, NONE;
    );
    verdict_table!(Verdict::of, ElfError,
        ElfError::NotElf { .. } => crate::elf::needs(
            &path(), &b"x"[..], &Platform::host()).unwrap_err(), Failed, NONE;
        ElfError::Machine { .. } => ElfError::Machine {
            path: path(), platform: platform(), machine: 0 }, Failed, NONE;
        ElfError::Dynamic { .. } => ElfError::Dynamic { path: path(), interpreter: text() }, Failed, HINT;
        ElfError::Interpreter { .. } => ElfError::Interpreter {
            path: path(), interpreter: text(), base: text() }, Failed, HINT;
        ElfError::Libraries { .. } => ElfError::Libraries {
            path: path(), libraries: text(), base: text() }, Failed, HINT;
        ElfError::Glibc { .. } => ElfError::Glibc { path: path(), base: text(),
            needed: glibc(), available: glibc() }, Failed, HINT;
        ElfError::UnknownGlibc { .. } => ElfError::UnknownGlibc {
            path: path(), needed: glibc(), base: text() }, Failed, NONE;
    );
}

#[test]
fn errors_of_bases_and_layers() {
    let pin = || PinError::Version {
        path: path(),
        version: 2,
    };
    verdict_table!(Verdict::of, PinError,
        PinError::Io { .. } => PinError::Io { operation: "x", path: path(), source: io_error() }, Failed, NONE;
        PinError::Parse { .. } => PinError::Parse {
            path: path(), source: Box::new(toml::from_str::<u8>("").unwrap_err()) }, Usage, HINT;
        PinError::Version { .. } => pin(), Usage, NONE;
    );
    verdict_table!(Verdict::of, BaseError,
        BaseError::Registry(_) => BaseError::Registry(unreachable()), Unreachable, NONE;
        BaseError::Layout(_) => BaseError::Layout(damaged()), Mismatch, HINT;
        BaseError::Document { .. } => BaseError::Document {
            digest: digest(), source: document_error() }, Mismatch, NONE;
        BaseError::Read { .. } => BaseError::Read { digest: digest(), source: io_error() }, Failed, NONE;
        BaseError::Platform(_) => BaseError::Platform(Box::new(no_platform())), Usage, HINT;
        BaseError::Layer { .. } => BaseError::Layer {
            digest: digest(), media_type: MediaType::new("x") }, Failed, NONE;
        BaseError::Layers { .. } => BaseError::Layers { config: digest(), diff_ids: 1, layers: 2 }, Mismatch, NONE;
        BaseError::DiffId { .. } => BaseError::DiffId {
            config: digest(), source: "x".parse::<Digest>().unwrap_err() }, Mismatch, NONE;
        BaseError::Moved { .. } => BaseError::Moved {
            layout: path(), pinned: digest(), actual: digest() }, Usage, HINT;
        BaseError::Several { .. } => BaseError::Several { layout: path(), count: 2 }, Usage, NONE;
        BaseError::Unpinned { .. } => BaseError::Unpinned { lock: path() }, Usage, HINT;
        BaseError::Offline => BaseError::Offline, Usage, HINT;
    );
    verdict_table!(Verdict::of, LayerError,
        LayerError::Layout(_) => LayerError::Layout(damaged()), Mismatch, HINT;
        LayerError::Write(_) => LayerError::Write(io_error()), Failed, NONE;
        LayerError::File { .. } => LayerError::File { path: path(), source: io_error() }, Failed, HINT;
        LayerError::Incomplete => LayerError::Incomplete, Failed, NONE;
    );
    verdict_table!(Verdict::of, FitError,
        FitError::Elf(_) => FitError::Elf(ElfError::Dynamic {
            path: path(), interpreter: text() }), Failed, HINT;
        FitError::Base { .. } => FitError::Base { base: text(), source: BaseError::Offline }, Usage, HINT;
        FitError::Hidden { .. } => FitError::Hidden {
            path: text(), folder: text(), target: text(), base: text() }, Usage, HINT;
        FitError::Read { .. } => FitError::Read { path: path(), source: io_error() }, Failed, NONE;
    );
    verdict_table!(Verdict::of, AssetError,
        AssetError::Missing { .. } => AssetError::Missing { src: text(), path: path() }, Usage, NONE;
        AssetError::NoMatch { .. } => AssetError::NoMatch { src: text(), folder: path() }, Usage, NONE;
        AssetError::Pattern { .. } => AssetError::Pattern {
            src: text(), source: glob::Pattern::new("***").unwrap_err() }, Usage, NONE;
        AssetError::Read { .. } => AssetError::Read { path: path(), source: io_error() }, Failed, NONE;
        AssetError::Link { .. } => AssetError::Link {
            path: path(), target: path(), folder: path() }, Usage, HINT;
        AssetError::Outside { .. } => AssetError::Outside { path: path(), root: path() }, Usage, NONE;
        AssetError::Kind { .. } => AssetError::Kind { path: path() }, Usage, NONE;
        AssetError::Name { .. } => AssetError::Name { path: path() }, Usage, NONE;
        AssetError::Twice { .. } => AssetError::Twice { path: text() }, Usage, NONE;
    );
}

#[test]
fn errors_of_images() {
    let platform = || Box::new(Platform::host());
    let pin = || PinError::Version {
        path: path(),
        version: 2,
    };
    verdict_table!(Verdict::of, BuildError,
        BuildError::Workspace(_) => BuildError::Workspace(WorkspaceError::NoBinary { package: text() }), Usage, HINT;
        BuildError::Target(_) => BuildError::Target(TargetError::Unsupported { platform: platform() }), Usage, NONE;
        BuildError::Compile(_) => BuildError::Compile(CompileError::Messages(io_error())), Failed, NONE;
        BuildError::Binary { .. } => BuildError::Binary { path: path(), source: io_error() }, Failed, NONE;
        BuildError::Path { .. } => BuildError::Path { path: path(), found: text() }, Failed, HINT;
        BuildError::Base { .. } => BuildError::Base { base: text(), source: BaseError::Offline }, Usage, HINT;
        BuildError::Pin(_) => BuildError::Pin(pin()), Usage, NONE;
        BuildError::NoGlibc => BuildError::NoGlibc, Usage, HINT;
        BuildError::Fit(_) => BuildError::Fit(FitError::Elf(ElfError::Dynamic {
            path: path(), interpreter: text() })), Failed, HINT;
        BuildError::Asset(_) => BuildError::Asset(AssetError::Twice { path: text() }), Usage, NONE;
        BuildError::NoProgram { .. } => BuildError::NoProgram { program: text() }, Usage, HINT;
        BuildError::NoEntrypoint => BuildError::NoEntrypoint, Usage, HINT;
        BuildError::AssetOverBinary { .. } => BuildError::AssetOverBinary { path: text() }, Usage, NONE;
        BuildError::Auditable(_) => BuildError::Auditable(EmbedError::Write {
            path: path(), source: io_error() }), Failed, NONE;
        BuildError::Attest(_) => BuildError::Attest(AttestError::Lock {
            path: path(), source: io_error() }), Failed, NONE;
        BuildError::Sbom(_) => BuildError::Sbom(SbomError::Write { path: path(), source: io_error() }), Failed, NONE;
        BuildError::Layer(_) => BuildError::Layer(LayerError::Layout(damaged())), Mismatch, HINT;
        BuildError::Layout(_) => BuildError::Layout(damaged()), Mismatch, HINT;
        BuildError::Name(_) => BuildError::Name(SettingError::Name(bad_reference())), Usage, NONE;
    );
}

type Copy = CopyError<LayoutError, RegistryError>;

#[test]
fn errors_of_bills_of_materials() {
    let graph = || Box::new(WorkspaceError::NoGraph);
    verdict_table!(Verdict::of, AttestError,
        AttestError::Layout(_) => AttestError::Layout(damaged()), Mismatch, HINT;
        AttestError::Lock { .. } => AttestError::Lock { path: path(), source: io_error() }, Failed, NONE;
        AttestError::ParseLock { .. } => AttestError::ParseLock {
            path: path(), source: Box::new(toml::from_str::<u8>("").unwrap_err()) }, Failed, NONE;
    );
    verdict_table!(Verdict::of, KeyError,
        KeyError::Read { .. } => KeyError::Read { path: path(), source: io_error() }, Usage, NONE;
        KeyError::Kind { .. } => KeyError::Kind { path: path(), wanted: "x", found: text() }, Usage, HINT;
        KeyError::NoPassword { .. } => KeyError::NoPassword { path: path() }, Usage, NONE;
        KeyError::Decrypt { .. } => KeyError::Decrypt { path: path(), source: DecryptError::Password }, Usage, NONE;
        KeyError::Invalid { .. } => KeyError::Invalid { path: path() }, Usage, HINT;
    );
    verdict_table!(Verdict::of, CheckoutError,
        CheckoutError::Run(_) => CheckoutError::Run(io_error()), Failed, NONE;
        CheckoutError::NoCommit { .. } => CheckoutError::NoCommit { root: path(), problem: text() }, Usage, NONE;
        CheckoutError::Dirty { .. } => CheckoutError::Dirty { commit: text(), changes: text() }, Usage, HINT;
        CheckoutError::NoRemote { .. } => CheckoutError::NoRemote { root: path() }, Usage, HINT;
    );
    verdict_table!(Verdict::of, SignatureError,
        SignatureError::Source(_) => SignatureError::Source(SourceError::Layout(damaged())), Mismatch, HINT;
        SignatureError::Missing { .. } => SignatureError::Missing { digest: digest() }, Mismatch, NONE;
        SignatureError::Refused { .. } => SignatureError::Refused { digest: digest(), refused: Vec::new() }, Mismatch, NONE;
    );
    verdict_table!(Verdict::of, SignatureTagError,
        SignatureTagError::Registry(_) => SignatureTagError::Registry(unreachable()), Unreachable, NONE;
        SignatureTagError::Document { .. } => SignatureTagError::Document {
            tag: text(), source: document_error() }, Failed, NONE;
    );
    verdict_table!(Verdict::of, EmbedError,
        EmbedError::Lock { .. } => EmbedError::Lock { path: path(), source: io_error() }, Failed, NONE;
        EmbedError::ParseLock { .. } => EmbedError::ParseLock {
            path: path(), source: Box::new(toml::from_str::<u8>("").unwrap_err()) }, Failed, NONE;
        EmbedError::Section { .. } => EmbedError::Section {
            path: path(), source: SectionError::TooLarge }, Failed, HINT;
        EmbedError::Write { .. } => EmbedError::Write { path: path(), source: io_error() }, Failed, NONE;
    );
    verdict_table!(Verdict::of, SbomError,
        SbomError::Graph { .. } => SbomError::Graph { package: text(), source: graph() }, Failed, HINT;
        SbomError::Lock(_) => SbomError::Lock(LockError::Read { path: path(), source: io_error() }), Failed, NONE;
        SbomError::Write { .. } => SbomError::Write { path: path(), source: io_error() }, Failed, NONE;
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
        let exit = super::registry_exit::exit(problem);
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

fn unread() -> CopyError<LayoutError, LayoutError> {
    CopyError::Read {
        digest: digest(),
        source: damaged(),
    }
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

#[test]
fn errors_of_reading_and_verifying() {
    verdict_table!(Verdict::of, VerifyError,
        VerifyError::Content(_) => VerifyError::Content(ContentError::Source(SourceError::Layout(damaged()))), Mismatch, HINT;
        VerifyError::Signature(_) => VerifyError::Signature(SignatureError::Missing { digest: digest() }), Mismatch, NONE;
        VerifyError::Layers { .. } => VerifyError::Layers { config: digest(), expected: 1, layers: 2 }, Mismatch, NONE;
        VerifyError::DiffId { .. } => VerifyError::DiffId {
            layer: digest(), expected: digest(), actual: digest() }, Mismatch, NONE;
        VerifyError::Invalid { .. } => VerifyError::Invalid {
            config: digest(), source: "x".parse::<Digest>().unwrap_err() }, Mismatch, NONE;
    );
    verdict_table!(Verdict::of, ContentError,
        ContentError::Source(_) => ContentError::Source(SourceError::Layout(damaged())), Mismatch, HINT;
        ContentError::Read { .. } => ContentError::Read { digest: digest(), source: io_error() }, Mismatch, NONE;
        ContentError::Read { .. } => ContentError::Read {
            digest: digest(), source: io::Error::from_raw_os_error(5) }, Failed, NONE;
        ContentError::Unsupported { .. } => ContentError::Unsupported {
            descriptor: Box::new(Descriptor::of(MediaType::OCI_INDEX, b"")) }, Failed, NONE;
        ContentError::Binary { .. } => ContentError::Binary {
            path: text(), source: SectionError::TooLarge.into() }, Failed, NONE;
    );
    verdict_table!(Verdict::of, SourceError,
        SourceError::Layout(_) => SourceError::Layout(damaged()), Mismatch, HINT;
        SourceError::Registry(_) => SourceError::Registry(unreachable()), Unreachable, NONE;
        SourceError::Read { .. } => SourceError::Read { digest: digest(), source: mismatch().into() }, Mismatch, NONE;
        SourceError::TooLarge { .. } => SourceError::TooLarge { digest: digest(), size: 2, most: 1 }, Failed, NONE;
        SourceError::Document { .. } => SourceError::Document {
            digest: digest(), source: document_error() }, Failed, NONE;
    );
    verdict_table!(Verdict::of, RebuildError,
        RebuildError::Source(_) => RebuildError::Source(SourceError::Layout(damaged())), Mismatch, HINT;
        RebuildError::NoProvenance { .. } => RebuildError::NoProvenance { digest: digest(), signed: true }, Mismatch, HINT;
        RebuildError::Refused { .. } => RebuildError::Refused { digest: digest(), problem: text() }, Mismatch, NONE;
        RebuildError::Directory(_) => RebuildError::Directory(io_error()), Failed, NONE;
        RebuildError::Git(_) => RebuildError::Git(io_error()), Failed, NONE;
        RebuildError::Checkout { .. } => RebuildError::Checkout {
            commit: text(), repository: text(), problem: text() }, Failed, HINT;
        RebuildError::Differ { .. } => RebuildError::Differ { original: digest(), rebuilt: digest() }, Mismatch, HINT;
    );
}

#[test]
fn errors_of_commands() {
    let image_error = || ImageError::Build(BuildError::Layout(damaged()));
    let publish_error = || PublishError::NotEcr { registry: text() };
    verdict_table!(Verdict::of, ImageError,
        ImageError::Build(_) => image_error(), Mismatch, HINT;
        ImageError::Key(_) => ImageError::Key(KeyError::NoPassword { path: path() }), Usage, NONE;
        ImageError::Checkout(_) => ImageError::Checkout(CheckoutError::Run(io_error())), Failed, NONE;
        ImageError::SignatureTag { .. } => ImageError::SignatureTag {
            digest: digest(), source: SignatureTagError::Registry(unreachable()) }, Unreachable, NONE;
        ImageError::Layout(_) => ImageError::Layout(damaged()), Mismatch, HINT;
        ImageError::NoRepo => ImageError::NoRepo, Usage, HINT;
        ImageError::NoDestination => ImageError::NoDestination, Usage, HINT;
        ImageError::Temporary(_) => ImageError::Temporary(io_error()), Failed, NONE;
        ImageError::Copy { .. } => ImageError::Copy { path: path(), source: unread() }, Mismatch, HINT;
        ImageError::Archive { .. } => ImageError::Archive { path: path(), source: CopyError::Read {
            digest: digest(), source: damaged() } }, Mismatch, HINT;
        ImageError::WriteArchive { .. } => ImageError::WriteArchive {
            path: path(), source: io_error() }, Failed, NONE;
        ImageError::Engine(_) => ImageError::Engine(no_such_image()), Usage, HINT;
        ImageError::Publisher { .. } => ImageError::Publisher {
            registry: text(), source: publish_error() }, Usage, NONE;
        ImageError::SameName { .. } => ImageError::SameName {
            name: reference(), one: text(), other: text() }, Usage, HINT;
        ImageError::Publish(_) => ImageError::Publish(publish_error()), Usage, NONE;
    );
    verdict_table!(Verdict::of, ResolveError,
        ResolveError::Yaml { .. } => ResolveError::Yaml { problem: text(), line: 1, column: 1 }, Usage, NONE;
        ResolveError::Name { .. } => ResolveError::Name { text: text(), line: 1 }, Usage, NONE;
        ResolveError::Block { .. } => ResolveError::Block { package: text(), line: 1 }, Usage, NONE;
    );
    verdict_table!(Verdict::of, CommandError,
        CommandError::Build { .. } => CommandError::Build {
            package: text(), source: image_error() }, Mismatch, HINT;
        CommandError::Assemble { .. } => CommandError::Assemble {
            name: text(), source: image_error() }, Mismatch, HINT;
        CommandError::Resolve { .. } => CommandError::Resolve {
            package: text(), origin: text(), line: 1, source: image_error() }, Mismatch, HINT;
        CommandError::Images(_) => CommandError::Images(image_error()), Mismatch, HINT;
        CommandError::Key(_) => CommandError::Key(KeyError::NoPassword { path: path() }), Usage, NONE;
        CommandError::Input(_) => CommandError::Input(InputError::TooLarge { origin: text() }), Usage, NONE;
        CommandError::Scan { .. } => CommandError::Scan {
            origin: text(), source: ResolveError::Name { text: text(), line: 1 } }, Usage, NONE;
        CommandError::Source(_) => CommandError::Source(SourceError::Layout(damaged())), Mismatch, HINT;
        CommandError::Layout(_) => CommandError::Layout(damaged()), Mismatch, HINT;
        CommandError::NameOne { .. } => CommandError::NameOne { place: text(), count: 2 }, Usage, HINT;
        CommandError::Differ { .. } => CommandError::Differ { a: digest(), b: digest() }, Mismatch, NONE;
        CommandError::NoImages { .. } => CommandError::NoImages { layout: path() }, Usage, NONE;
        CommandError::Unnamed { .. } => CommandError::Unnamed { layout: path(), digest: digest() }, Usage, HINT;
        CommandError::Place { .. } => CommandError::Place {
            layout: path(), name: text(), problem: "x" }, Usage, HINT;
        CommandError::Several { .. } => CommandError::Several { layout: path(), count: 2 }, Usage, HINT;
        CommandError::Remote { .. } => CommandError::Remote {
            operation: "x", reference: reference(), source: unreachable() }, Unreachable, NONE;
        CommandError::Publish(_) => CommandError::Publish(publish_error()), Usage, NONE;
        CommandError::Copy { .. } => CommandError::Copy {
            from: text(), to: text(), source: unread().into() }, Mismatch, HINT;
        CommandError::OtherImage { .. } => CommandError::OtherImage {
            reference: reference(), digest: digest() }, Usage, NONE;
        CommandError::Platform { .. } => CommandError::Platform {
            from: text(), source: Box::new(no_platform()) }, Usage, NONE;
        CommandError::PasswordArgument => CommandError::PasswordArgument, Usage, HINT;
        CommandError::NoPassword => CommandError::NoPassword, Usage, NONE;
        CommandError::NoHome => CommandError::NoHome, Usage, NONE;
        CommandError::CredentialFile { .. } => CommandError::CredentialFile {
            path: path(), source: io_error() }, Usage, NONE;
        CommandError::Password(_) => CommandError::Password(io_error()), Failed, NONE;
        CommandError::Credentials(_) => CommandError::Credentials(credential_error(false)), Failed, NONE;
        CommandError::Untagged { .. } => CommandError::Untagged { reference: reference() }, Usage, HINT;
        CommandError::NoRegistry { .. } => CommandError::NoRegistry { reference: reference() }, Usage, HINT;
        CommandError::Name { .. } => CommandError::Name {
            layout: path(), digest: digest(), source: bad_reference() }, Usage, NONE;
        CommandError::Verify { .. } => CommandError::Verify {
            name: text(), source: VerifyError::Layers { config: digest(), expected: 1, layers: 2 } }, Mismatch, NONE;
        CommandError::Rebuild { .. } => CommandError::Rebuild {
            name: text(), source: RebuildError::NoProvenance { digest: digest(), signed: false } }, Mismatch, HINT;
        CommandError::Inspect { .. } => CommandError::Inspect {
            name: text(), source: ContentError::Source(SourceError::Layout(damaged())) }, Mismatch, HINT;
        CommandError::Engine(_) => CommandError::Engine(no_such_image()), Usage, HINT;
        CommandError::HasTable { .. } => CommandError::HasTable { path: path() }, Usage, HINT;
        CommandError::Manifest { .. } => CommandError::Manifest { path: path(), source: io_error() }, Failed, NONE;
        CommandError::Keep(_) => CommandError::Keep(io_error()), Failed, NONE;
        CommandError::Stdout(_) => CommandError::Stdout(io_error()), Failed, NONE;
    );
}
