//! Builds images in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use object::ReadCache;
use oci::image::Index;
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Digest, Hasher, Platform, Reference, annotation};

use super::error::BuildError;
use super::event::Event;
use crate::base::{self, Base};
use crate::cargo::{self, Note};
use crate::elf::{self, Against, ElfError};
use crate::environment::Environment;
use crate::image::{self, Image};
use crate::layer::{Files, Layer};
use crate::options::Options;
use crate::paths::PathMap;
use crate::sbom;
use crate::scan_paths;
use crate::settings::ImageName;
use crate::target::{CLibrary, Target, TargetError, Toolchain};
use crate::workspace::{Service, Workspace};

/// Where a binary is put: on the `PATH` of every shell-less `kubectl exec`.
const BIN_DIRECTORY: &str = "usr/local/bin";

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

    /// The folder for what is found once and used again.
    pub(crate) fn cache(&self) -> PathBuf {
        self.workspace.target_dir().join("imagebuilder-cache")
    }

    /// The directory with the workspace's Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        self.workspace.root()
    }

    /// The platforms that images are built for.
    pub(crate) fn platforms(&self) -> &[Platform] {
        &self.options.platforms
    }

    /// Builds a service's image on `base` into `layout`, and reports it as `name`. Returns its manifest,
    /// or its index where it is for several platforms, which the layout's index does not name yet.
    /// Layers of the base are not copied.
    pub(crate) fn build(
        &self,
        service: &Service,
        name: &Reference,
        base: Option<&Base>,
        layout: &Layout,
        events: &mut dyn FnMut(Event),
    ) -> Result<Descriptor, BuildError> {
        let settings = &service.settings;
        // Everything that can be refused is, before minutes of compiling.
        let targets: Vec<_> = self
            .options
            .platforms
            .iter()
            .map(|platform| Ok((platform, self.toolchain.target(platform, settings.libc)?)))
            .collect::<Result<_, TargetError>>()?;
        if base.is_none() && settings.libc == Some(CLibrary::Glibc) {
            return Err(BuildError::NoGlibc);
        }
        let mut below = Vec::new();
        if base.is_none() {
            let by = "imagebuilder: base files";
            below.push(base::files().store(layout, self.options.created, by)?);
        }
        let entrypoint = [format!("/{BIN_DIRECTORY}/{}", service.bin)];
        let image = Image {
            settings,
            entrypoint: &entrypoint,
            annotations: &self.annotations(service),
            created: self.options.created,
            base,
        };
        let mut manifests = Vec::new();
        for (platform, target) in targets {
            let layer = self.compile(service, platform, target, base, layout, events)?;
            let layer_bytes = layer.descriptor.size;
            let layers = [&below[..], &[layer]].concat();
            manifests.push(image.store(layout, platform, &layers)?);
            let (name, platform) = (name.clone(), platform.clone());
            events(Event::Packed {
                name,
                platform,
                layer_bytes,
            });
        }
        Ok(self.index(&image, layout, manifests)?)
    }

    fn compile(
        &self,
        service: &Service,
        platform: &Platform,
        target: Target,
        base: Option<&Base>,
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
        self.check_needs(service, &path, &binary, platform, base, events)?;
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

    /// Checks that a binary runs on its base.
    fn check_needs(
        &self,
        service: &Service,
        path: &Path,
        binary: &File,
        platform: &Platform,
        base: Option<&Base>,
        events: &mut dyn FnMut(Event),
    ) -> Result<(), BuildError> {
        let Some(needs) = elf::needs(path, &ReadCache::new(binary), platform)? else {
            return Ok(());
        };
        let Some(base) = base else {
            return Err(BuildError::Elf(ElfError::Dynamic {
                path: path.to_owned(),
                interpreter: needs.interpreter,
            }));
        };
        let facts = self.cache().join("bases");
        let mut reading = |bytes| {
            let base = base.name().to_owned();
            events(Event::ReadingBase { base, bytes });
        };
        let root = base.root_fs(platform, &facts, &mut reading);
        let root = root.map_err(|source| BuildError::Base {
            base: base.name().to_owned(),
            source,
        })?;
        let image = base.image(platform);
        let mut of_base = image.config.env().iter();
        let of_base = of_base.find_map(|variable| variable.strip_prefix("LD_LIBRARY_PATH="));
        let mut own = service.settings.env.iter();
        let own = own.find(|(name, _)| name.0 == "LD_LIBRARY_PATH");
        let against = Against {
            name: base.name(),
            root: &root,
            library_path: own.map(|(_, path)| path.as_str()).or(of_base),
        };
        Ok(elf::check(path, BIN_DIRECTORY, &needs, platform, against)?)
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
    fn index(
        &self,
        image: &Image<'_>,
        layout: &Layout,
        mut manifests: Vec<Descriptor>,
    ) -> Result<Descriptor, LayoutError> {
        if manifests.len() == 1 {
            return Ok(manifests.remove(0));
        }
        let mut index = Index::new(manifests);
        index.annotations = image.all_annotations(None);
        let (bytes, descriptor) = index.to_bytes();
        layout.write_bytes(&bytes)?;
        Ok(descriptor)
    }

    /// What the package says of itself, under the keys that tools know.
    ///
    /// Only from the sources and the command line: git is not asked, since a copy of the same sources in
    /// another folder may have no repository.
    fn annotations(&self, service: &Service) -> BTreeMap<String, String> {
        let fields = [
            (annotation::TITLE, Some(&service.package)),
            (annotation::DESCRIPTION, service.description.as_ref()),
            (annotation::VERSION, Some(&service.version)),
            (annotation::LICENSES, service.license.as_ref()),
            (annotation::SOURCE, service.repository.as_ref()),
            (annotation::REVISION, self.options.revision.as_ref()),
        ];
        fields
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?.clone())))
            .collect()
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
