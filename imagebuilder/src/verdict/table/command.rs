//! Errors of commands.

use std::io;
use std::process::ExitStatus;

use cli::input::InputError;
use cli::{Verdict, verdict_table};
use oci::copy::CopyError;
use oci::{Descriptor, Digest, MediaType};

use super::values::{
    HINT, NONE, bad_reference, credential_error, damaged, digest, document_error, io_error,
    mismatch, no_platform, no_such_image, path, reference, text, unreachable, unread,
};
use crate::attest::{SignatureError, SignatureTagError};
use crate::auditable::SectionError;
use crate::builder::BuildError;
use crate::checkout::CheckoutError;
use crate::commands::{CommandError, ImageError, RebuildError, VerifyError};
use crate::contents::ContentError;
use crate::image_source::SourceError;
use crate::key::KeyError;
use crate::registry::PublishError;
use crate::resolve::ResolveError;

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
        ImageError::Cache { .. } => ImageError::Cache { variable: "x", source: damaged() }, Mismatch, HINT;
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
            name: reference(), of_output: false, one: text(), other: text() }, Usage, HINT;
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
        CommandError::Remote { .. } => CommandError::Remote {
            operation: "x", reference: reference(), source: unreachable() }, Unreachable, NONE;
        CommandError::Publish(_) => CommandError::Publish(publish_error()), Usage, NONE;
        CommandError::Copy { .. } => CommandError::Copy {
            from: text(), to: text(), source: unread().into() }, Mismatch, HINT;
        CommandError::OtherImage { .. } => CommandError::OtherImage {
            reference: reference(), digest: digest() }, Usage, NONE;
        CommandError::Platform { .. } => CommandError::Platform {
            from: text(), source: Box::new(no_platform()) }, Usage, NONE;
        CommandError::EngineReferrers => CommandError::EngineReferrers, Usage, HINT;
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
        CommandError::Append { .. } => CommandError::Append { path: path(), problem: text() }, Usage, HINT;
        CommandError::Manifest { .. } => CommandError::Manifest { path: path(), source: io_error() }, Failed, NONE;
        CommandError::Keep(_) => CommandError::Keep(io_error()), Failed, NONE;
        CommandError::Kubectl(_) => CommandError::Kubectl(io_error()), Failed, HINT;
        CommandError::KubectlFailed { .. } => CommandError::KubectlFailed {
            status: ExitStatus::default() }, Failed, NONE;
        CommandError::Stdout(_) => CommandError::Stdout(io_error()), Failed, NONE;
    );
}
