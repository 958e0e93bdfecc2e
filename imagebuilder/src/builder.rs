//! From a package to an image in a layout: compile, check, pack, for each platform.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use cli::Bytes;
use object::ReadCache;
use oci::image::Index;
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Digest, Hasher, Platform, Reference};

use crate::base;
use crate::cargo::{self, CompileError, Note};
use crate::elf::{self, ElfError};
use crate::environment::Environment;
use crate::image::{self, BIN_DIRECTORY};
use crate::layer::{Files, Layer, LayerError};
use crate::options::Options;
use crate::paths::PathMap;
use crate::sbom::{self, SbomError};
use crate::scan_paths;
use crate::settings::{ImageName, SettingError};
use crate::target::{Libc, Target, TargetError, Toolchain};
use crate::workspace::{Service, Workspace, WorkspaceError};

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("cannot read the binary `{}`", path.display())]
    Binary {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` contains `{found}`, a path of this machine", path.display())]
    Path { path: PathBuf, found: String },
    #[error(transparent)]
    Elf(#[from] ElfError),
    #[error(transparent)]
    Sbom(#[from] SbomError),
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("the binary's name is not an image name; set `name` in [package.metadata.image]")]
    Name(#[source] SettingError),
}

/// What a builder tells of its work.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Cargo starts, or finds that there is nothing to do.
    Compiling {
        package: String,
        platform: Platform,
        target: Target,
    },
    /// A binary is ready to be packed.
    Compiled {
        package: String,
        platform: Platform,
        binary_bytes: u64,
    },
    /// A line of Cargo's diagnostics.
    Diagnostic { line: String },
    /// A binary contains a path of this machine.
    Path { package: String, found: String },
    /// C was compiled with the headers of another C library than the one that is linked.
    ForeignHeaders { target: Target },
    /// A bill of materials is written.
    Sbom { path: PathBuf },
    /// An image is stored.
    Packed {
        name: Reference,
        platform: Platform,
        layer_bytes: u64,
    },
}

/// What is the same for every image of a run.
#[derive(Debug)]
pub(crate) struct Builder {
    environment: Environment,
    workspace: Workspace,
    toolchain: Toolchain,
    options: Options,
}

impl Builder {
    /// A builder for the packages of `workspace`.
    pub(crate) fn new(
        environment: Environment,
        workspace: Workspace,
        mut options: Options,
    ) -> Result<Self, BuildError> {
        let toolchain = Toolchain::read(workspace.root())?;
        if options.platforms.is_empty() {
            options.platforms.push(Platform::host());
        }
        let mut seen = BTreeSet::new();
        options
            .platforms
            .retain(|platform| seen.insert(platform.clone()));
        Ok(Self {
            environment,
            workspace,
            toolchain,
            options,
        })
    }

    /// The layout for images that are only pushed: among what Cargo builds, and as easily removed.
    pub(crate) fn own_layout(&self) -> PathBuf {
        self.workspace.target_dir().join("imagebuilder")
    }

    /// The package that is meant where none is named.
    pub(crate) fn default_package(&self) -> Result<&str, BuildError> {
        Ok(self.workspace.default_package()?)
    }

    /// The directory of a layout that nobody has named.
    pub(crate) fn default_layout(&self) -> PathBuf {
        self.workspace.target_dir().join("images")
    }

    /// The service that a package is, with one of its binaries.
    pub(crate) fn service(&self, package: &str, bin: Option<&str>) -> Result<Service, BuildError> {
        Ok(self.workspace.service(package, bin)?)
    }

    /// Builds a service's image into `layout`, and reports of it as `name`. Returns its manifest, or its
    /// index where it is for several platforms, which the layout's index does not name yet.
    pub(crate) fn build(
        &self,
        service: &Service,
        name: &Reference,
        layout: &Layout,
        events: &mut dyn FnMut(Event),
    ) -> Result<Descriptor, BuildError> {
        // Everything that can be refused is, before minutes of compiling.
        let targets: Vec<_> = self
            .options
            .platforms
            .iter()
            .map(|platform| Ok((platform, self.toolchain.target(platform)?)))
            .collect::<Result<_, TargetError>>()?;
        let base = base::files().store(layout, self.options.created, "imagebuilder: base files")?;
        let mut manifests = Vec::new();
        for (platform, target) in targets {
            let layer = self.compile(service, platform, target, layout, events)?;
            let layer_bytes = layer.descriptor.size;
            let layers = [base.clone(), layer];
            manifests.push(image::store(
                layout,
                service,
                platform,
                &layers,
                &self.options,
            )?);
            let (name, platform) = (name.clone(), platform.clone());
            events(Event::Packed {
                name,
                platform,
                layer_bytes,
            });
        }
        Ok(self.root(service, layout, manifests)?)
    }

    fn compile(
        &self,
        service: &Service,
        platform: &Platform,
        target: Target,
        layout: &Layout,
        events: &mut dyn FnMut(Event),
    ) -> Result<Layer, BuildError> {
        let package = service.package.clone();
        events(Event::Compiling {
            package: package.clone(),
            platform: platform.clone(),
            target,
        });
        let built = cargo::compile(
            &self.environment,
            &self.workspace,
            &self.toolchain,
            service,
            target,
            &self.options,
            &mut |note| match note {
                Note::Diagnostic(line) => events(Event::Diagnostic {
                    line: line.to_owned(),
                }),
                Note::ForeignHeaders => events(Event::ForeignHeaders { target }),
            },
        )?;
        let path = built.binary;
        let cannot = |source| BuildError::Binary {
            path: path.clone(),
            source,
        };
        let binary = File::open(&path).map_err(cannot)?;
        let binary_bytes = binary.metadata().map_err(cannot)?.len();
        elf::check_static(&path, &ReadCache::new(&binary), platform)?;
        self.check_paths(&path, &binary, &package, events)?;
        events(Event::Compiled {
            package,
            platform: platform.clone(),
            binary_bytes,
        });
        if let Some(sbom) = &self.options.sbom {
            let path = sbom::write(
                sbom,
                &self.workspace,
                service,
                &sbom::Compiled {
                    platform,
                    triple: target.triple,
                    digest: digest(&binary).map_err(cannot)?,
                    packages: &built.packages,
                    created: &image::rfc3339(self.options.created),
                },
                || {
                    let flags = self.options.cargo.lock_flags();
                    let triple = target.triple;
                    self.workspace
                        .dependencies(&self.environment, service, triple, flags)
                },
            )?;
            events(Event::Sbom { path });
        }
        let mut files = Files::default();
        let target = format!("{BIN_DIRECTORY}/{}", service.bin);
        files.open_file(&target, 0o755, binary, binary_bytes);
        Ok(files.store(
            layout,
            self.options.created,
            "imagebuilder: cargo build --release",
        )?)
    }

    /// Looks for paths of this machine, which a program may contain by `env!` or a build script.
    fn check_paths(
        &self,
        path: &Path,
        binary: &File,
        package: &str,
        events: &mut dyn FnMut(Event),
    ) -> Result<(), BuildError> {
        let paths = PathMap::new(&self.environment, &self.workspace, &self.toolchain);
        let found = scan_paths::find(binary, &paths).map_err(|source| BuildError::Binary {
            path: path.to_owned(),
            source,
        })?;
        match found {
            Some(found) if self.options.deny_paths => Err(BuildError::Path {
                path: path.to_owned(),
                found,
            }),
            Some(found) => {
                let package = package.to_owned();
                events(Event::Path { package, found });
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What stands for the image: its one manifest, or an index of several.
    fn root(
        &self,
        service: &Service,
        layout: &Layout,
        mut manifests: Vec<Descriptor>,
    ) -> Result<Descriptor, LayoutError> {
        if let [_] = self.options.platforms[..] {
            return Ok(manifests.remove(0));
        }
        let mut index = Index::new(manifests);
        index.annotations = image::annotations(service, &self.options);
        let (bytes, descriptor) = index.to_bytes();
        layout.write_bytes(&bytes)?;
        Ok(descriptor)
    }
}

/// The digest of a file, whose position stays.
fn digest(file: &File) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read_at(&mut buffer, hasher.size())? {
            0 => return Ok(hasher.finish().0),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// The name of a service's image, unless the command line says otherwise.
pub(crate) fn image_name(service: &Service) -> Result<Reference, BuildError> {
    match &service.settings.name {
        Some(name) => Ok(name.reference().clone()),
        None => ImageName::try_from(service.bin.clone())
            .map(|name| name.reference().clone())
            .map_err(BuildError::Name),
    }
}

/// The line that tells of an event.
impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Compiling {
                package,
                platform,
                target,
            } => {
                write!(f, "Compiling {package} for {platform} ({})", target.triple)?;
                match target.libc {
                    Libc::Musl => Ok(()),
                    Libc::Glibc => f.write_str(
                        ": the musl target is not installed, so it is static against glibc",
                    ),
                }
            }
            Self::Compiled {
                package,
                platform,
                binary_bytes,
            } => {
                write!(
                    f,
                    "Compiled {package} for {platform}: {}",
                    Bytes(*binary_bytes)
                )
            }
            Self::Path { package, found } => write!(
                f,
                "the binary of {package} contains `{found}`: its digest depends on this path"
            ),
            Self::Diagnostic { line } => f.write_str(line),
            Self::ForeignHeaders { target } => write!(
                f,
                "C dependencies were compiled for {} with a compiler for glibc, whose headers differ \
                 from musl's; zig or {}-linux-musl-gcc is better",
                target.triple,
                target.architecture()
            ),
            Self::Sbom { path } => write!(f, "Wrote {}", path.display()),
            Self::Packed {
                name,
                platform,
                layer_bytes,
            } => {
                write!(
                    f,
                    "Packed {name} for {platform}: {} compressed",
                    Bytes(*layer_bytes)
                )
            }
        }
    }
}
