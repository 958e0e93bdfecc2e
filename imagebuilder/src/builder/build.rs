//! Builds images in order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use oci::layout::Layout;
use oci::{Platform, Reference, annotation};

use super::built::Built;
use super::error::BuildError;
use super::event::Event;
use crate::assets::{self, Asset, Source};
use crate::attest::{self, Artifact, BuildFacts, Subjects};
use crate::base::{self, Base};
use crate::cache::Cache;
use crate::environment::Environment;
use crate::fit::{self, Surroundings};
use crate::image::Image;
use crate::layer::{Files, Packer};
use crate::options::Options;
use crate::program::Programs;
use crate::setting_values::ImageName;
use crate::settings::Settings;
use crate::target::{CLibrary, Target, TargetError};
use crate::toolchain::Toolchain;
use crate::workspace::{Service, Workspace};

/// The directory of binaries: it is on the default `PATH`, so that `kubectl exec` finds them without a shell.
pub(super) const BIN_DIRECTORY: &str = "usr/local/bin";

/// The parameters that all images of a run share.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(super) environment: Environment,
    pub(super) workspace: Workspace,
    pub(super) toolchain: Toolchain,
    pub(super) options: Options,
    pub(super) cache: Cache,
}

impl Builder {
    /// A builder for the packages of `workspace`, whose root's `toolchain` compiles them.
    pub(crate) fn new(
        environment: Environment,
        workspace: Workspace,
        toolchain: Toolchain,
        options: Options,
    ) -> Self {
        let cache = workspace.cache();
        Self {
            environment,
            workspace,
            toolchain,
            options,
            cache,
        }
    }

    /// The layout for images that are only pushed: in Cargo's target directory, so that `cargo clean` removes
    /// it.
    pub(crate) fn own_layout(&self) -> PathBuf {
        self.workspace.target_dir().join("imagebuilder")
    }

    /// The default package.
    pub(crate) fn default_package(&self) -> Result<&str, BuildError> {
        Ok(self.workspace.default_package()?)
    }

    /// The directory of the default layout.
    pub(crate) fn default_layout(&self) -> PathBuf {
        self.workspace.target_dir().join("images")
    }

    /// A package as a service, with the binaries `bins` if any are given.
    pub(crate) fn service(&self, package: &str, bins: &[String]) -> Result<Service, BuildError> {
        Ok(self.workspace.service(package, bins)?)
    }

    /// The results of earlier runs.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The directory with the workspace's Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        self.workspace.root()
    }

    /// The platforms that a service's image is built for: those of the command line, else of its
    /// settings, else this machine's; each once.
    pub(crate) fn platforms(&self, settings: &Settings) -> Vec<Platform> {
        let named = &self.options.platforms;
        if named.is_empty() {
            target_platforms(settings.platforms.iter().map(|platform| &platform.0))
        } else {
            target_platforms(named.iter())
        }
    }

    /// Checks everything that can be checked before minutes of compiling, and before anything is stored.
    pub(crate) fn check(
        &self,
        service: &Service,
        base: Option<&Base>,
        events: &mut dyn FnMut(Event),
    ) -> Result<(), BuildError> {
        let settings = &service.settings;
        self.targets(settings, &self.platforms(settings))?;
        self.options.sbom.check()?;
        if base.is_none() && settings.libc == Some(CLibrary::Glibc) {
            return Err(BuildError::NoGlibc);
        }
        let files = self.assets(service)?;
        if let Some(provenance) = &self.options.attest.provenance {
            let of_files = files.values().filter_map(|asset| match &asset.source {
                Source::File { path, .. } => Some(path),
                Source::Directory | Source::Link { .. } => None,
            });
            provenance.checkout.check(of_files)?;
        }
        let binaries: Vec<String> = service.bins().map(image_path).collect();
        let programs = Programs {
            files: &files,
            binaries: &binaries,
            has_base: base.is_some(),
        };
        programs.check(settings)?;
        for platform in &self.platforms(settings) {
            let surroundings = Surroundings {
                base,
                platform,
                settings,
                files: &files,
                cache: &self.cache,
            };
            fit::check_links(surroundings, &mut |base, bytes| {
                let base = base.to_owned();
                events(Event::ReadingBase { base, bytes });
            })?;
        }
        Ok(())
    }

    fn targets(
        &self,
        settings: &Settings,
        platforms: &[Platform],
    ) -> Result<Vec<Target>, TargetError> {
        let targets = platforms.iter();
        let targets = targets.map(|platform| self.toolchain.target(platform, settings.libc));
        targets.collect()
    }

    /// Builds a service's image on `base` into `layout`, and reports it as `name`. The layout's
    /// index does not list it yet. Layers of the base are not copied.
    ///
    /// The layers are those of the base or its replacement, one of the assets, and one for each binary: an
    /// edit of the sources changes only the latter.
    pub(crate) fn build(
        &self,
        service: &Service,
        name: &Reference,
        base: Option<&Base>,
        layout: &Layout,
        events: &mut dyn FnMut(Event),
    ) -> Result<Built, BuildError> {
        let settings = &service.settings;
        let platforms = self.platforms(settings);
        let targets = self.targets(settings, &platforms)?;
        let packer = Packer {
            layout,
            mtime: self.options.created,
            compression: self.options.compression,
            cache: &self.cache,
        };
        let assets = self.assets(service)?;
        let mut below = Vec::new();
        if base.is_none() {
            below.push(base::layer(&packer)?);
        }
        if !assets.is_empty() {
            let mut files = Files::default();
            for (path, asset) in &assets {
                files.asset(path, asset);
            }
            below.push(packer.pack(&files, "imagebuilder: assets")?);
        }
        let entrypoint = [format!("/{}", image_path(&service.bin))];
        let image = Image {
            settings,
            entrypoint: Some(&entrypoint),
            annotations: &self.annotations(service),
            created: self.options.created,
            base,
        };
        let created_by = match &*self.options.cargo.profile {
            "release" => "imagebuilder: cargo build --release".to_owned(),
            profile => format!("imagebuilder: cargo build --profile {profile}"),
        };
        let (mut manifests, mut bills) = (Vec::new(), Vec::new());
        let mut packages = BTreeSet::new();
        for (platform, target) in platforms.iter().zip(targets) {
            let surroundings = Surroundings {
                base,
                platform,
                settings,
                files: &assets,
                cache: &self.cache,
            };
            let compiled = self.compile(service, target, surroundings, events)?;
            packages.extend(compiled.packages);
            let mut layers = below.clone();
            for files in &compiled.layers {
                layers.push(packer.pack(files, &created_by)?);
            }
            let of_binaries = &layers[below.len()..];
            let layer_bytes = of_binaries.iter().map(|layer| layer.descriptor.size).sum();
            let manifest = image.store(layout, platform, &layers)?;
            for bill in compiled.bills.iter().filter(|_| self.options.sbom.attach) {
                let artifact = Artifact {
                    media_type: self.options.sbom.format.media_type(),
                    title: Some(&bill.name),
                    annotations: BTreeMap::new(),
                    document: &bill.document,
                };
                bills.push(artifact.store(layout, &manifest)?);
            }
            manifests.push(manifest);
            let (name, platform) = (name.clone(), platform.clone());
            events(Event::Packed {
                name,
                platform,
                layer_bytes,
            });
        }
        let root = image.root(layout, manifests.clone())?;
        let mut images = vec![root.clone()];
        manifests.retain(|manifest| manifest.digest != root.digest);
        images.append(&mut manifests);
        let subjects = Subjects {
            name: &name.name(),
            images: &images,
            bills: &bills,
        };
        let build = BuildFacts {
            service,
            platforms: &platforms,
            options: &self.options,
            toolchain: &self.toolchain,
            packages: &packages,
            lock: self.workspace.root().join("Cargo.lock"),
        };
        let mut referrers = attest::attest(layout, &subjects, &build)?;
        referrers.splice(0..0, bills);
        Ok(Built {
            root,
            images: images.iter().map(|image| image.digest).collect(),
            referrers,
        })
    }

    /// The assets of a service, none of which has the path of a binary.
    fn assets(&self, service: &Service) -> Result<BTreeMap<String, Asset>, BuildError> {
        let settings = &service.settings;
        let folder = &settings.assets_folder;
        let root = self.workspace.root();
        let mut skipped = self.workspace.target_dirs();
        skipped.extend(self.options.outputs.iter().map(PathBuf::as_path));
        let assets = assets::collect(&settings.assets, folder, root, &skipped)?;
        let binaries: Vec<String> = service.bins().map(image_path).collect();
        let is_over = |path: &str, asset: &Asset| {
            let is_parent = binaries[0].starts_with(&format!("{path}/"));
            binaries.iter().any(|binary| path == binary)
                || (is_parent && asset.source != Source::Directory)
        };
        match assets.iter().find(|(path, asset)| is_over(path, asset)) {
            Some((path, _)) => {
                let path = path.clone();
                Err(BuildError::AssetOverBinary { path })
            }
            None => Ok(assets),
        }
    }

    /// The package's metadata, under the standard keys of annotations.
    ///
    /// It is taken only from the sources and the command line, and not from git, since a copy of the same
    /// sources in another folder may have no repository.
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

/// The platforms of an image: those that are named, each once and in their order, else this machine's.
pub(crate) fn target_platforms<'a>(named: impl Iterator<Item = &'a Platform>) -> Vec<Platform> {
    let mut seen = BTreeSet::new();
    let mut platforms: Vec<Platform> = named.filter(|one| seen.insert(*one)).cloned().collect();
    if platforms.is_empty() {
        platforms.push(Platform::host());
    }
    platforms
}

/// The path of a binary in the image, without a leading slash.
pub(super) fn image_path(bin: &str) -> String {
    format!("{BIN_DIRECTORY}/{bin}")
}

/// The name of a service's image, unless the command line sets another.
pub(crate) fn image_name(service: &Service) -> Result<Reference, BuildError> {
    match &service.settings.name {
        Some(name) => Ok(name.reference().clone()),
        None => ImageName::try_from(service.bin.clone())
            .map(|name| name.reference().clone())
            .map_err(BuildError::Name),
    }
}
