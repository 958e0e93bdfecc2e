//! Errors of building an image.

use cli::{Exit, ExitError};

use super::layout::layout;
use super::place::PlaceError as _;
use crate::assets::AssetError;
use crate::attest::AttestError;
use crate::auditable::EmbedError;
use crate::base::{BaseError, PinError};
use crate::builder::BuildError;
use crate::cargo::{Cause, CompileError};
use crate::cargo_config::CargoConfigError;
use crate::elf::ElfError;
use crate::fit::FitError;
use crate::layer::LayerError;
use crate::program::ProgramError;
use crate::sbom::SbomError;
use crate::setting_values::SettingError;
use crate::target::TargetError;
use crate::workspace::WorkspaceError;

/// What to do where Cargo or rustc cannot be run.
const INSTALL_RUST: &str = "install Rust: https://rustup.rs";

impl ExitError for BuildError {
    fn exit(&self) -> Exit {
        match self {
            Self::Workspace(error) => error.exit(),
            Self::Target(error) => error.exit(),
            Self::Compile(error) => error.exit(),
            Self::Lock { .. } | Self::Binary { .. } | Self::Path { .. } => Exit::Failed,
            Self::Base { source, .. } => source.exit(),
            Self::Pin(error) => error.exit(),
            Self::NoGlibc | Self::AssetOverBinary { .. } | Self::NoEntrypoint => Exit::Usage,
            Self::Fit(error) => error.exit(),
            Self::Asset(error) => error.exit(),
            Self::Checkout(error) => error.exit(),
            Self::Program(error) => error.exit(),
            Self::Auditable(error) => error.exit(),
            Self::Sbom(error) => error.exit(),
            Self::Attest(error) => error.exit(),
            Self::Layer(error) => error.exit(),
            Self::Layout(error) => layout(error).exit,
            Self::Name(error) | Self::ProgramName(error) => error.exit(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Workspace(error) => error.hint(),
            Self::Target(error) => error.hint(),
            Self::Compile(error) => error.hint(),
            Self::Path { .. } => Some(
                "`env!(\"CARGO_MANIFEST_DIR\")` and build scripts leave such paths: read files at \
                 compile time with `include_str!`, or take the path from the environment"
                    .to_owned(),
            ),
            Self::Base { source, .. } => source.hint(),
            Self::Pin(error) => error.hint(),
            Self::NoGlibc => Some(
                "add a base that has glibc, such as --base gcr.io/distroless/cc-debian12, or link \
                 statically with musl"
                    .to_owned(),
            ),
            Self::Fit(error) => error.hint(),
            Self::Asset(error) => error.hint(),
            Self::Lock { .. } | Self::Binary { .. } | Self::AssetOverBinary { .. } => None,
            Self::Program(error) => error.hint(),
            Self::NoEntrypoint => Some(
                "name it with --entrypoint, or make the first --file executable: SRC:DEST:0755"
                    .to_owned(),
            ),
            Self::Checkout(error) => error.hint(),
            Self::Auditable(error) => error.hint(),
            Self::Sbom(error) => error.hint(),
            Self::Attest(error) => error.hint(),
            Self::Layer(error) => error.hint(),
            Self::Layout(error) => layout(error).hint,
            Self::Name(_) => Some("set `name` in [package.metadata.image]".to_owned()),
            Self::ProgramName(_) => Some("name the image: imagebuilder assemble NAME".to_owned()),
        }
    }
}

impl ExitError for ProgramError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unnamed | Self::Missing { .. } | Self::NotExecutable { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unnamed => "leave the entrypoint out to run the default program",
            Self::Missing { .. } => {
                "add it with `assets` or --file, or choose a base that has it; a name without a slash is \
                 looked up in the image's PATH"
            }
            Self::NotExecutable { .. } => "give the file a mode such as 0755",
        };
        Some(hint.to_owned())
    }
}

impl ExitError for EmbedError {
    fn exit(&self) -> Exit {
        match self {
            Self::Lock { .. }
            | Self::ParseLock { .. }
            | Self::Section { .. }
            | Self::Write { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Section { .. } => {
                Some("--no-auditable leaves the list of crates out of the binary".to_owned())
            }
            Self::Lock { .. } | Self::ParseLock { .. } | Self::Write { .. } => None,
        }
    }
}

impl ExitError for AttestError {
    fn exit(&self) -> Exit {
        match self {
            Self::Layout(error) => layout(error).exit,
            Self::Lock { .. } | Self::ParseLock { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Layout(error) => layout(error).hint,
            Self::Lock { .. } | Self::ParseLock { .. } => None,
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
                "Cargo needs the manifests of all dependencies: run `cargo fetch` while there is a network"
                    .to_owned(),
            ),
            Self::Lock(_) | Self::Write { .. } => None,
        }
    }
}

impl ExitError for WorkspaceError {
    fn exit(&self) -> Exit {
        match self {
            Self::CurrentDirectory(_) | Self::Spawn { .. } | Self::NoGraph => Exit::Failed,
            Self::NoManifest { .. }
            | Self::Metadata(_)
            | Self::NoBinaries { .. }
            | Self::NoDefaultPackage { .. }
            | Self::NoSuchPackage { .. }
            | Self::Ambiguous { .. }
            | Self::NoBinary { .. }
            | Self::SeveralBinaries { .. }
            | Self::NoSuchBinary { .. }
            | Self::Settings(_) => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSuchPackage { similar, .. } => {
                return similar
                    .as_ref()
                    .map(|name| format!("did you mean `{name}`?"));
            }
            Self::Spawn { .. } => INSTALL_RUST,
            Self::NoBinary { .. } | Self::NoBinaries { .. } => {
                "an image runs a program: give the package a src/main.rs or a [[bin]]"
            }
            Self::SeveralBinaries { .. } => {
                "choose with --bin, or `bin = \"…\"` in [package.metadata.image]; several go into one image"
            }
            Self::Ambiguous { .. } => "name it with its version, NAME@VERSION, or by its path",
            Self::NoManifest { .. } => {
                "run it in the workspace, or name its Cargo.toml with --manifest-path"
            }
            // Cargo reports what is wrong, and where.
            Self::Metadata(_)
            | Self::CurrentDirectory(_)
            | Self::NoGraph
            | Self::NoDefaultPackage { .. }
            | Self::NoSuchBinary { .. }
            | Self::Settings(_) => return None,
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
            | Self::Platform(_)
            | Self::Path { .. }
            | Self::Signal { .. }
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
            Self::Rustc { .. } => Some(INSTALL_RUST.to_owned()),
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
            | Self::NoLinker { .. }
            | Self::Messages(_)
            | Self::Failed { .. }
            | Self::NoArtifact { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Spawn { .. } => Some(INSTALL_RUST.to_owned()),
            Self::Target(error) => error.hint(),
            Self::NoCCompiler { triple, .. } => Some(c_compiler(triple)),
            Self::NoLinker { triple } => Some(linker(triple)),
            Self::Failed {
                cause: Some(Cause::LittleSpace { directory, free }),
                ..
            } => Some(format!(
                "only {free} are free in `{}`: free some space, or set CARGO_TARGET_DIR to a directory on another \
                 disk",
                directory.display()
            )),
            Self::Failed {
                cause: Some(Cause::Argument { argument, variable }),
                triple,
                ..
            } => Some(format!(
                "rust-lld does not accept `{argument}`, an argument for a C compiler: set {variable}={}",
                gcc(triple)
            )),
            Self::Config(_)
            | Self::C(_)
            | Self::Interrupted
            | Self::Messages(_)
            | Self::Failed { cause: None, .. }
            | Self::NoArtifact { .. } => None,
        }
    }
}

/// What to install to compile C for a target.
fn c_compiler(triple: &str) -> String {
    let architecture = triple.split('-').next().unwrap_or(triple);
    let native = architecture == std::env::consts::ARCH;
    let other = match (triple.ends_with("-musl"), native) {
        (true, true) => "Debian's `musl-tools`".to_owned(),
        (true, false) => format!("`{architecture}-linux-musl-gcc`"),
        (false, true) => "`gcc`".to_owned(),
        (false, false) => format!("`{architecture}-linux-gnu-gcc`"),
    };
    format!(
        "install zig (`pip install ziglang`), or {other}, or set CC_{}",
        triple.replace('-', "_")
    )
}

/// A C compiler that links for a target.
fn gcc(triple: &str) -> String {
    let architecture = triple.split('-').next().unwrap_or(triple);
    if architecture == std::env::consts::ARCH {
        "cc".to_owned()
    } else {
        format!("{architecture}-linux-gnu-gcc")
    }
}

/// What to install to link for a target.
fn linker(triple: &str) -> String {
    let variable = triple.replace('-', "_").to_ascii_uppercase();
    let install = if triple.ends_with("-musl") {
        "use a toolchain of rustup, which has a linker".to_owned()
    } else {
        let architecture = triple.split('-').next().unwrap_or(triple);
        format!("install zig (`pip install ziglang`), or `{architecture}-linux-gnu-gcc`")
    };
    format!("{install}, or set CARGO_TARGET_{variable}_LINKER")
}

impl ExitError for BaseError {
    fn exit(&self) -> Exit {
        match self {
            Self::Registry(error) => error.verdict().exit,
            Self::Layout(error) => layout(error).exit,
            Self::Read { source, .. } => source.verdict().exit,
            Self::Document { .. } | Self::Layers { .. } | Self::DiffId { .. } => Exit::Mismatch,
            Self::Platform(_)
            | Self::Several { .. }
            | Self::Moved { .. }
            | Self::Unpinned { .. }
            | Self::Offline => Exit::Usage,
            Self::Layer { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Registry(error) => return error.verdict().hint,
            Self::Layout(error) => return layout(error).hint,
            Self::Read { source, .. } => return source.verdict().hint,
            Self::Platform(_) => {
                "leave the other platforms out with --platform, or choose a base that has them"
            }
            Self::Moved { .. } => "to use the image that it has now, give --update-base",
            Self::Unpinned { .. } => {
                "build once without --locked or --frozen, and commit imagebuilder.lock"
            }
            Self::Offline => "build once without --offline or --frozen",
            Self::Document { .. }
            | Self::Layers { .. }
            | Self::DiffId { .. }
            | Self::Layer { .. } => return None,
            Self::Several { .. } => "append the image's name: oci:DIR:NAME or tar:FILE:NAME",
        };
        Some(hint.to_owned())
    }
}

impl ExitError for FitError {
    fn exit(&self) -> Exit {
        match self {
            Self::Elf(error) => error.exit(),
            Self::Base { source, .. } => source.exit(),
            Self::Hidden { .. } => Exit::Usage,
            Self::Read { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Elf(error) => error.hint(),
            Self::Base { source, .. } => source.hint(),
            Self::Hidden { target, .. } => {
                let target = target.trim_start_matches('/');
                Some(format!("put it into /{target} instead"))
            }
            Self::Read { .. } => None,
        }
    }
}

impl ExitError for AssetError {
    fn exit(&self) -> Exit {
        match self {
            Self::Missing { .. }
            | Self::NoMatch { .. }
            | Self::Pattern { .. }
            | Self::Link { .. }
            | Self::Outside { .. }
            | Self::Kind { .. }
            | Self::Name { .. }
            | Self::Whiteout { .. }
            | Self::Twice { .. } => Exit::Usage,
            Self::Read { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Whiteout { .. } => Some("give it another name".to_owned()),
            Self::Link { .. } => Some(
                "that path does not exist in the image: copy the file, or use a relative link to a path \
                 inside the directory"
                    .to_owned(),
            ),
            Self::Missing { .. }
            | Self::NoMatch { .. }
            | Self::Pattern { .. }
            | Self::Outside { .. }
            | Self::Kind { .. }
            | Self::Name { .. }
            | Self::Twice { .. }
            | Self::Read { .. } => None,
        }
    }
}

impl ExitError for PinError {
    fn exit(&self) -> Exit {
        match self {
            Self::Io { .. } => Exit::Failed,
            Self::Parse { .. } | Self::Version { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Parse { .. } => {
                Some("delete it, and write it again with --update-base".to_owned())
            }
            Self::Io { .. } | Self::Version { .. } => None,
        }
    }
}

impl ExitError for ElfError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotElf { .. }
            | Self::Machine { .. }
            | Self::Dynamic { .. }
            | Self::Interpreter { .. }
            | Self::Libraries { .. }
            | Self::Glibc { .. }
            | Self::UnknownGlibc { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Dynamic { interpreter, .. } if interpreter.contains("ld-linux") => {
                "add a base that has glibc, such as --base gcr.io/distroless/cc-debian12, or link \
                 statically; if a build script or a dependency requested a shared library, `ldd` on the \
                 binary shows which"
            }
            Self::Dynamic { .. } => {
                "a build script or a dependency may have requested a shared library; \
                 `ldd` on the binary shows which"
            }
            Self::Interpreter { .. } => {
                "choose a base with the C library that the binary is linked with, or link statically"
            }
            Self::Libraries { .. } => {
                "choose a base that has them, add them to the image, or link them statically"
            }
            Self::Glibc { .. } => {
                "choose a newer base, compile on a system with an older glibc, or link statically \
                 with musl"
            }
            Self::NotElf { .. } | Self::Machine { .. } | Self::UnknownGlibc { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

impl ExitError for LayerError {
    fn exit(&self) -> Exit {
        match self {
            Self::Layout(error) => layout(error).exit,
            Self::Write(_) | Self::File { .. } | Self::Changed | Self::Incomplete => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Layout(error) => layout(error).hint,
            Self::File { .. } | Self::Changed => {
                Some("build again, and do not change the files meanwhile".to_owned())
            }
            Self::Write(_) | Self::Incomplete => None,
        }
    }
}
