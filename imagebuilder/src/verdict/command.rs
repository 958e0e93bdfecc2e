//! Errors of the commands.

use cli::{Exit, ExitError, Verdict};

use super::layout::layout;
use super::place::{PlaceError as _, copy};
use crate::commands::{CommandError, CopyFailure, ImageError, VerifyError};
use crate::contents::ContentError;
use crate::image_source::SourceError;
use crate::place::add_registry;
use crate::resolve::ResolveError;

impl ExitError for CommandError {
    fn exit(&self) -> Exit {
        match self {
            Self::Build { source, .. }
            | Self::Assemble { source, .. }
            | Self::Resolve { source, .. } => source.exit(),
            Self::Images(error) => error.exit(),
            Self::Key(error) => error.exit(),
            Self::Input(error) => error.exit(),
            Self::Scan { source, .. } => source.exit(),
            Self::Verify { source, .. } => source.exit(),
            Self::Rebuild { source, .. } => source.exit(),
            Self::Inspect { source, .. } => source.exit(),
            Self::Layout(error) => layout(error).exit,
            Self::Source(error) => error.exit(),
            Self::Differ { .. } => Exit::Mismatch,
            Self::NameOne { .. }
            | Self::NoImages { .. }
            | Self::Unnamed { .. }
            | Self::Place { .. }
            | Self::NoRegistry { .. }
            | Self::Untagged { .. }
            | Self::OtherImage { .. }
            | Self::Platform { .. }
            | Self::EngineReferrers
            | Self::Name { .. }
            | Self::PasswordArgument
            | Self::HasTable { .. }
            | Self::Append { .. }
            | Self::NoPassword
            | Self::NoHome
            | Self::CredentialFile { .. } => Exit::Usage,
            Self::Remote { source, .. } => source.verdict().exit,
            Self::Publish(error) => error.exit(),
            Self::Copy { source, .. } => source.exit(),
            Self::Engine(error) => error.exit(),
            Self::Password(_)
            | Self::Credentials(_)
            | Self::Keep(_)
            | Self::Manifest { .. }
            | Self::Kubectl(_)
            | Self::KubectlFailed { .. }
            | Self::Stdout(_) => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Build { source, .. }
            | Self::Assemble { source, .. }
            | Self::Resolve { source, .. } => source.hint(),
            Self::Images(error) => error.hint(),
            Self::Key(error) => error.hint(),
            Self::Input(error) => error.hint(),
            Self::Scan { source, .. } => source.hint(),
            Self::Verify { source, .. } => source.hint(),
            Self::Rebuild { source, .. } => source.hint(),
            Self::Inspect { source, .. } => source.hint(),
            Self::Layout(error) => layout(error).hint,
            Self::Source(error) => error.hint(),
            Self::Unnamed { layout, .. } => {
                let layout = layout.display();
                Some(format!(
                    "name the destination: `imagebuilder push oci:{layout} REGISTRY/NAME:TAG`"
                ))
            }
            Self::Place { layout, name, .. } => {
                let layout = layout.display();
                Some(format!(
                    "name the destination: `imagebuilder push oci:{layout}:{name} REGISTRY/NAME:TAG`"
                ))
            }
            Self::NameOne { .. } => {
                Some("append the image's name: oci:DIR:NAME or tar:FILE:NAME".to_owned())
            }
            Self::EngineReferrers => {
                Some("leave --referrers out, or copy to oci:DIR or tar:FILE".to_owned())
            }
            Self::Remote { source, .. } => source.verdict().hint,
            Self::Publish(error) => error.hint(),
            Self::Copy { source, .. } => source.hint(),
            Self::Engine(error) => error.hint(),
            Self::Untagged { reference } => {
                Some(format!("add a tag or a digest, such as {reference}:latest"))
            }
            Self::NoRegistry { reference } => Some(add_registry(reference)),
            Self::Kubectl(_) => Some(
                "apply needs kubectl on PATH; `imagebuilder resolve` prints the manifests"
                    .to_owned(),
            ),
            Self::HasTable { .. } => Some("--print shows a new one".to_owned()),
            Self::Append { .. } => Some(
                "--print shows the table: add its keys to the inline table by hand".to_owned(),
            ),
            Self::PasswordArgument => Some(
                "every process on the machine can read it, and the shell records it in its history: pipe it \
                to --password-stdin"
                    .to_owned(),
            ),
            Self::Differ { .. }
            | Self::NoPassword
            | Self::NoHome
            | Self::CredentialFile { .. }
            | Self::Password(_)
            | Self::Credentials(_)
            | Self::NoImages { .. }
            | Self::Name { .. }
            | Self::OtherImage { .. }
            | Self::Platform { .. }
            | Self::Keep(_)
            | Self::Manifest { .. }
            | Self::KubectlFailed { .. }
            | Self::Stdout(_) => None,
        }
    }
}

impl ExitError for ImageError {
    fn exit(&self) -> Exit {
        match self {
            Self::Build(error) => error.exit(),
            Self::Key(error) => error.exit(),
            Self::Checkout(error) => error.exit(),
            Self::SignatureTag { source, .. } => source.exit(),
            Self::Layout(error) => layout(error).exit,
            Self::Publisher { source, .. } => source.exit(),
            Self::SameName { .. } | Self::NoRepo | Self::NoDestination => Exit::Usage,
            Self::Cache { source, .. } => layout(source).exit,
            Self::Temporary(_) => Exit::Failed,
            Self::Copy { source, .. } => copy(source).exit,
            Self::Archive { source, .. } => copy(source).exit,
            Self::WriteArchive { source, .. } => source.verdict().exit,
            Self::Engine(error) => error.exit(),
            Self::Publish(error) => error.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Build(error) => error.hint(),
            Self::Key(error) => error.hint(),
            Self::Checkout(error) => error.hint(),
            Self::SignatureTag { source, .. } => source.hint(),
            Self::Layout(error) => layout(error).hint,
            Self::Publisher { source, .. } => source.hint(),
            Self::NoRepo => Some("add --repo PREFIX".to_owned()),
            Self::NoDestination => {
                Some("add --output or --repo, such as --output oci:images".to_owned())
            }
            Self::Cache { variable, .. } => {
                Some(format!("set {variable} to a directory that can be written"))
            }
            Self::Temporary(_) => None,
            Self::Copy { source, .. } => copy(source).hint,
            Self::Archive { source, .. } => copy(source).hint,
            Self::WriteArchive { source, .. } => source.verdict().hint,
            Self::Engine(error) => error.hint(),
            Self::SameName {
                of_output: true, ..
            } => Some("leave the name out of --output, so that each image has its own".to_owned()),
            Self::SameName { .. } => {
                Some("set `name` in the [package.metadata.image] of one of them".to_owned())
            }
            Self::Publish(error) => error.hint(),
        }
    }
}

impl ExitError for ResolveError {
    fn exit(&self) -> Exit {
        match self {
            Self::Yaml { .. } | Self::Name { .. } | Self::Block { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

impl CopyFailure {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Layouts(error) => copy(error),
            Self::Push(error) => copy(error),
            Self::Pull(error) => copy(error),
            Self::Pack(error) => copy(error),
            Self::PullPacked(error) => copy(error),
            Self::Registries(error) => copy(error),
        }
    }
}

impl ExitError for CopyFailure {
    fn exit(&self) -> Exit {
        self.verdict().exit
    }

    fn hint(&self) -> Option<String> {
        self.verdict().hint
    }
}

impl ExitError for VerifyError {
    fn exit(&self) -> Exit {
        match self {
            Self::Content(error) => error.exit(),
            Self::Signature(error) => error.exit(),
            Self::Layers { .. } | Self::DiffId { .. } | Self::Invalid { .. } => Exit::Mismatch,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Content(error) => error.hint(),
            Self::Signature(error) => error.hint(),
            Self::Layers { .. } | Self::DiffId { .. } | Self::Invalid { .. } => None,
        }
    }
}

impl ExitError for ContentError {
    fn exit(&self) -> Exit {
        match self {
            Self::Source(error) => error.exit(),
            // The content does not match its digest, or its media type.
            Self::Read { source, .. } if source.raw_os_error().is_none() => Exit::Mismatch,
            Self::Binary { .. } | Self::Read { .. } | Self::Unsupported { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Source(error) => error.hint(),
            Self::Binary { .. } | Self::Read { .. } | Self::Unsupported { .. } => None,
        }
    }
}

impl ExitError for SourceError {
    fn exit(&self) -> Exit {
        match self {
            Self::Layout(error) => layout(error).exit,
            Self::Registry(error) => error.verdict().exit,
            Self::Read { source, .. } => source.verdict().exit,
            Self::TooLarge { .. } | Self::Document { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Layout(error) => layout(error).hint,
            Self::Registry(error) => error.verdict().hint,
            Self::Read { source, .. } => source.verdict().hint,
            Self::TooLarge { .. } | Self::Document { .. } => None,
        }
    }
}
