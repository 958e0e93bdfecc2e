//! Errors of building an image.

use cli::{Exit, ExitError};

use super::layout::layout;
use crate::builder::BuildError;
use crate::cargo::CompileError;
use crate::cargo_config::CargoConfigError;
use crate::elf::ElfError;
use crate::layer::LayerError;
use crate::sbom::SbomError;
use crate::settings::SettingError;
use crate::target::TargetError;
use crate::workspace::WorkspaceError;

impl ExitError for BuildError {
    fn exit(&self) -> Exit {
        match self {
            Self::Workspace(error) => error.exit(),
            Self::Target(error) => error.exit(),
            Self::Compile(error) => error.exit(),
            Self::Binary { .. } | Self::Path { .. } => Exit::Failed,
            Self::Elf(error) => error.exit(),
            Self::Sbom(error) => error.exit(),
            Self::Layer(error) => error.exit(),
            Self::Layout(error) => layout(error).exit,
            Self::Name(error) => error.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Workspace(error) => error.hint(),
            Self::Target(error) => error.hint(),
            Self::Compile(error) => error.hint(),
            Self::Binary { .. } => None,
            Self::Path { .. } => Some(
                "`env!(\"CARGO_MANIFEST_DIR\")` and build scripts leave such paths: read files at \
                 compile time with `include_str!`, or take the path from the environment"
                    .to_owned(),
            ),
            Self::Elf(error) => error.hint(),
            Self::Sbom(error) => error.hint(),
            Self::Layer(error) => error.hint(),
            Self::Layout(error) => layout(error).hint,
            Self::Name(error) => error.hint(),
        }
    }
}

impl ExitError for SbomError {
    fn exit(&self) -> Exit {
        match self {
            Self::Graph { .. } | Self::Lock(_) | Self::Write { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Graph { .. } => Some(
                "Cargo reads the manifests of all dependencies for it: without a network, `cargo fetch` before"
                    .to_owned(),
            ),
            Self::Lock(_) | Self::Write { .. } => None,
        }
    }
}

impl ExitError for WorkspaceError {
    fn exit(&self) -> Exit {
        match self {
            Self::Locate(_) | Self::NoGraph => Exit::Failed,
            Self::Metadata(_)
            | Self::NoDefaultPackage { .. }
            | Self::NoSuchPackage { .. }
            | Self::Ambiguous { .. }
            | Self::NoBinary { .. }
            | Self::SeveralBinaries { .. }
            | Self::NoSuchBinary { .. }
            | Self::Settings { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSuchPackage { similar, .. } => {
                return similar
                    .as_ref()
                    .map(|name| format!("did you mean `{name}`?"));
            }
            Self::NoBinary { .. } => {
                "an image runs a program: give the package a src/main.rs or a [[bin]]"
            }
            Self::SeveralBinaries { .. } => {
                "choose one with --bin, or `bin = \"…\"` in [package.metadata.image]"
            }
            Self::Ambiguous { .. } => "name it with its version, NAME@VERSION, or by its path",
            Self::Metadata(_) => {
                "run it in the workspace, or name its Cargo.toml with --manifest-path"
            }
            Self::Locate(_)
            | Self::NoGraph
            | Self::NoDefaultPackage { .. }
            | Self::NoSuchBinary { .. }
            | Self::Settings { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

impl ExitError for SettingError {
    fn exit(&self) -> Exit {
        match self {
            Self::NameHasMore { .. }
            | Self::Name(_)
            | Self::User { .. }
            | Self::EnvName { .. }
            | Self::BuildEnvName { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        None
    }
}

impl ExitError for TargetError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unsupported { .. } => Exit::Usage,
            Self::NotInstalled { .. } | Self::Rustc { .. } | Self::RustcFailed { .. } => {
                Exit::Failed
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotInstalled { triple, .. } => Some(format!("rustup target add {triple}")),
            Self::Rustc { .. } => Some("install Rust: https://rustup.rs".to_owned()),
            Self::Unsupported { .. } | Self::RustcFailed { .. } => None,
        }
    }
}

impl ExitError for CompileError {
    fn exit(&self) -> Exit {
        match self {
            Self::Config(CargoConfigError::Read { .. } | CargoConfigError::Parse { .. }) => {
                Exit::Usage
            }
            Self::Target(error) => error.exit(),
            Self::Interrupted => Exit::Interrupted,
            Self::Spawn { .. }
            | Self::C(_)
            | Self::NoCCompiler { .. }
            | Self::Messages(_)
            | Self::Failed { .. }
            | Self::NoArtifact { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Spawn { .. } => Some("install Rust: https://rustup.rs".to_owned()),
            Self::Target(error) => error.hint(),
            Self::NoCCompiler { triple, .. } => Some(c_compiler(triple)),
            Self::Config(_)
            | Self::C(_)
            | Self::Interrupted
            | Self::Messages(_)
            | Self::Failed { .. }
            | Self::NoArtifact { .. } => None,
        }
    }
}

/// What to install for a target.
fn c_compiler(triple: &str) -> String {
    let architecture = triple.split('-').next().unwrap_or(triple);
    let other = if architecture == std::env::consts::ARCH {
        "Debian's `musl-tools`".to_owned()
    } else {
        format!("`{architecture}-linux-musl-gcc`")
    };
    format!(
        "install zig (`pip install ziglang`), or {other}, or set CC_{}",
        triple.replace('-', "_")
    )
}

impl ExitError for ElfError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotElf { .. } | Self::Machine { .. } | Self::Dynamic { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Dynamic { .. } => Some(
                "a build script or a dependency may have asked for a shared library; \
                 `ldd` on the binary shows which"
                    .to_owned(),
            ),
            Self::NotElf { .. } | Self::Machine { .. } => None,
        }
    }
}

impl ExitError for LayerError {
    fn exit(&self) -> Exit {
        match self {
            Self::Layout(error) => layout(error).exit,
            Self::Write(_) => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Layout(error) => layout(error).hint,
            Self::Write(_) => None,
        }
    }
}
