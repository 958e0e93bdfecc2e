//! Builds an image.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use oci::layout::Layout;
use oci::{Descriptor, Reference, annotation};

use super::built::Built;
use super::error::BuildError;
use super::event::Event;
use super::layers;
use super::names::image_path;
use crate::attest::{self, Artifact, BuildFacts, Subjects};
use crate::base::Base;
use crate::cache::Cache;
use crate::environment::Environment;
use crate::fit::Surroundings;
use crate::image::Image;
use crate::layer::Packer;
use crate::options::Options;
use crate::sbom::Bill;
use crate::toolchain::Toolchain;
use crate::workspace::{Service, Workspace};

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
        let shared = layers::shared(&packer, base, &assets)?;
        let entrypoint = [format!("/{}", image_path(&service.bin))];
        let image = Image {
            settings,
            entrypoint: Some(&entrypoint),
            annotations: &self.annotations(service),
            created: self.options.created,
            base,
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
            let profile = &self.options.cargo.profile;
            let own = layers::of_binaries(&packer, profile, &compiled.layers)?;
            let layer_bytes = own.iter().map(|layer| layer.descriptor.size).sum();
            let layers = [shared.as_slice(), &own].concat();
            let manifest = image.store(layout, platform, &layers)?;
            bills.extend(self.attach_bills(layout, &manifest, &compiled.bills)?);
            manifests.push(manifest);
            events(Event::Packed {
                name: name.clone(),
                platform: platform.clone(),
                layer_bytes,
            });
        }
        let root = image.root(layout, manifests.clone())?;
        // The root of an image for one platform is its manifest.
        manifests.retain(|manifest| manifest.digest != root.digest);
        let images = [vec![root.clone()], manifests].concat();
        let subjects = Subjects {
            name: &name.name(),
            images: &images,
            bills: &bills,
        };
        let facts = BuildFacts {
            service,
            platforms: &platforms,
            options: &self.options,
            toolchain: &self.toolchain,
            packages: &packages,
            lock: self.workspace.root().join("Cargo.lock"),
        };
        let attached = attest::attest(layout, &subjects, &facts)?;
        bills.extend(attached);
        Ok(Built {
            root,
            images: images.iter().map(|image| image.digest).collect(),
            referrers: bills,
        })
    }

    /// Attaches bills of materials to an image, if requested, and returns their descriptors.
    fn attach_bills(
        &self,
        layout: &Layout,
        image: &Descriptor,
        bills: &[Bill],
    ) -> Result<Vec<Descriptor>, BuildError> {
        if !self.options.sbom.attach {
            return Ok(Vec::new());
        }
        let attach = |bill: &Bill| {
            let artifact = Artifact {
                media_type: self.options.sbom.format.media_type(),
                title: Some(&bill.name),
                annotations: BTreeMap::new(),
                document: &bill.document,
            };
            Ok(artifact.store(layout, image)?)
        };
        bills.iter().map(attach).collect()
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
