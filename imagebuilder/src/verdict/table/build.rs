//! Errors of building, packing and describing an image.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use cli::{Bytes, Verdict, verdict_table};
use oci::{Digest, MediaType, Platform};

use super::values::{
    HINT, NONE, bad_reference, damaged, digest, document_error, io_error, no_platform, path, text,
    unreachable,
};
use crate::assets::AssetError;
use crate::attest::{AttestError, SignatureError, SignatureTagError};
use crate::auditable::{EmbedError, SectionError};
use crate::base::{BaseError, PinError};
use crate::builder::BuildError;
use crate::c::CError;
use crate::cargo::{Cause, CompileError};
use crate::cargo_config::CargoConfigError;
use crate::checkout::CheckoutError;
use crate::elf::{ElfError, GlibcVersion};
use crate::fit::FitError;
use crate::image_source::SourceError;
use crate::key::{DecryptError, KeyError};
use crate::layer::LayerError;
use crate::metadata::MetadataError;
use crate::program::ProgramError;
use crate::sbom::{LockError, SbomError};
use crate::setting_values::SettingError;
use crate::target::TargetError;
use crate::workspace::WorkspaceError;

fn c_error() -> CError {
    CError {
        path: path(),
        source: io_error(),
    }
}

fn glibc() -> GlibcVersion {
    serde_json::from_str("[2, 36]").unwrap()
}

fn compile_failed(cause: Option<Cause>) -> CompileError {
    CompileError::Failed {
        package: text(),
        triple: "x",
        status: ExitStatus::from_raw(256),
        cause,
    }
}

#[test]
fn errors_of_building() {
    verdict_table!(Verdict::of, WorkspaceError,
        WorkspaceError::Metadata(_) => WorkspaceError::Metadata(Box::new(
            cargo_metadata::Error::CargoMetadata { stderr: text() })), Usage, NONE;
        WorkspaceError::Spawn { .. } => WorkspaceError::Spawn { cargo: path(), source: io_error() }, Failed, HINT;
        WorkspaceError::NoBinaries { .. } => WorkspaceError::NoBinaries { manifest: path() }, Usage, HINT;
        WorkspaceError::NoGraph => WorkspaceError::NoGraph, Failed, NONE;
        WorkspaceError::CurrentDirectory(_) => WorkspaceError::CurrentDirectory(io_error()), Failed, NONE;
        WorkspaceError::NoManifest { .. } => WorkspaceError::NoManifest { directory: path() }, Usage, HINT;
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
        CompileError::NoLinker { .. } => CompileError::NoLinker { triple: "x" }, Failed, HINT;
        CompileError::Interrupted => CompileError::Interrupted, Interrupted, NONE;
        CompileError::Messages(_) => CompileError::Messages(io_error()), Failed, NONE;
        CompileError::Failed { cause: Some(Cause::Argument { .. }), .. } => compile_failed(
            Some(Cause::Argument { argument: text(), variable: text() })), Failed, HINT;
        CompileError::Failed { cause: Some(Cause::LittleSpace { .. }), .. } => compile_failed(
            Some(Cause::LittleSpace { directory: path(), free: Bytes(0) })), Failed, HINT;
        CompileError::Failed { cause: None, .. } => compile_failed(None), Failed, NONE;
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
        BaseError::Several { .. } => BaseError::Several { layout: path(), count: 2 }, Usage, HINT;
        BaseError::Unpinned { .. } => BaseError::Unpinned { lock: path() }, Usage, HINT;
        BaseError::Offline => BaseError::Offline, Usage, HINT;
    );
    verdict_table!(Verdict::of, LayerError,
        LayerError::Layout(_) => LayerError::Layout(damaged()), Mismatch, HINT;
        LayerError::Write(_) => LayerError::Write(io_error()), Failed, NONE;
        LayerError::File { .. } => LayerError::File { path: path(), source: io_error() }, Failed, HINT;
        LayerError::Changed => LayerError::Changed, Failed, HINT;
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
        AssetError::Whiteout { .. } => AssetError::Whiteout { path: text() }, Usage, HINT;
        AssetError::Twice { .. } => AssetError::Twice { path: text() }, Usage, NONE;
    );
}

#[test]
fn errors_of_programs() {
    verdict_table!(Verdict::of, ProgramError,
        ProgramError::Unnamed => ProgramError::Unnamed, Usage, HINT;
        ProgramError::Missing { .. } => ProgramError::Missing { program: text() }, Usage, HINT;
        ProgramError::NotExecutable { .. } => ProgramError::NotExecutable { program: text() }, Usage, HINT;
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
        BuildError::Checkout(_) => BuildError::Checkout(CheckoutError::Run(io_error())), Failed, NONE;
        BuildError::Lock { .. } => BuildError::Lock { path: path(), source: io_error() }, Failed, NONE;
        BuildError::Binary { .. } => BuildError::Binary { path: path(), source: io_error() }, Failed, NONE;
        BuildError::Path { .. } => BuildError::Path { path: path(), found: text() }, Failed, HINT;
        BuildError::Base { .. } => BuildError::Base { base: text(), source: BaseError::Offline }, Usage, HINT;
        BuildError::Pin(_) => BuildError::Pin(pin()), Usage, NONE;
        BuildError::NoGlibc => BuildError::NoGlibc, Usage, HINT;
        BuildError::Fit(_) => BuildError::Fit(FitError::Elf(ElfError::Dynamic {
            path: path(), interpreter: text() })), Failed, HINT;
        BuildError::Asset(_) => BuildError::Asset(AssetError::Twice { path: text() }), Usage, NONE;
        BuildError::Program(_) => BuildError::Program(ProgramError::Unnamed), Usage, HINT;
        BuildError::NoEntrypoint => BuildError::NoEntrypoint, Usage, HINT;
        BuildError::AssetOverBinary { .. } => BuildError::AssetOverBinary { path: text() }, Usage, NONE;
        BuildError::Auditable(_) => BuildError::Auditable(EmbedError::Write {
            path: path(), source: io_error() }), Failed, NONE;
        BuildError::Attest(_) => BuildError::Attest(AttestError::Lock {
            path: path(), source: io_error() }), Failed, NONE;
        BuildError::Sbom(_) => BuildError::Sbom(SbomError::Write { path: path(), source: io_error() }), Failed, NONE;
        BuildError::Layer(_) => BuildError::Layer(LayerError::Layout(damaged())), Mismatch, HINT;
        BuildError::Layout(_) => BuildError::Layout(damaged()), Mismatch, HINT;
        BuildError::Name(_) => BuildError::Name(SettingError::Name(bad_reference())), Usage, HINT;
        BuildError::ProgramName(_) => BuildError::ProgramName(SettingError::Name(bad_reference())), Usage, HINT;
    );
}

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
        CheckoutError::Ignored { .. } => CheckoutError::Ignored { path: path(), commit: text() }, Usage, HINT;
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
