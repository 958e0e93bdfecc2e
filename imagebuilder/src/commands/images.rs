//! Builds the images of packages and returns their names by digest, for `build` and `resolve`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use cli::Progress;
use oci::Reference;
use oci::layout::Layout;

use super::ImageError;
use super::bases::{BaseOptions, Bases};
use super::context::Context;
use super::deliver::{Delivery, Parcel};
use crate::args::Image;
use crate::base::{Base, LOCK_FILE};
use crate::builder::{BuildError, Builder, Built, Event, image_name};
use crate::checkout::Checkout;
use crate::environment::Environment;
use crate::key::PrivateKey;
use crate::options::{Attest, CargoOptions, Options, ProvenanceOptions};
use crate::sbom::SbomOptions;
use crate::toolchain::Toolchain;
use crate::workspace::{self, Service, Workspace};

/// The variable that chooses Cargo's target directory, which contains intermediate images.
const CACHE_VARIABLE: &str = "CARGO_TARGET_DIR";

/// Builds images and delivers them.
pub(super) struct Images<'a> {
    context: &'a Context,
    builder: Builder,
    /// Also signs under cosign's older tags.
    tag_key: Option<PrivateKey>,
    delivery: Delivery<'a>,
    arguments: &'a Image,
}

/// An image to build.
pub(super) struct Plan {
    pub(super) service: Service,
    /// Without a tag.
    pub(super) name: Reference,
    base: Option<Arc<Base>>,
}

/// An image that was built, and its name at its destination.
pub(super) struct Done {
    /// Its name, unless a destination sets another.
    name: Reference,
    base: Option<Arc<Base>>,
    pub(super) built: Built,
    /// Its name by digest, with its registry if it was pushed.
    pub(super) reference: Reference,
}

impl<'a> Images<'a> {
    /// Reads the workspace; nothing is built yet.
    pub(super) fn new(
        context: &'a Context,
        arguments: &'a Image,
        cargo_arguments: &[String],
    ) -> Result<Self, ImageError> {
        let environment = &context.environment;
        let ignored: Vec<&str> = environment.ignored().collect();
        if !ignored.is_empty() {
            let names = ignored.join(", ");
            context.printer.warn(&format!(
                "not used, since the image would depend on it: {names}"
            ));
        }
        let (workspace, toolchain) = sources(environment, arguments.manifest_path.as_deref())?;
        let attest = attest(context, arguments, workspace.root())?;
        let tag_key = attest
            .key
            .clone()
            .filter(|_| arguments.attestation.sign_tag);
        let outputs = outputs(arguments, workspace.root());
        let quiet = matches!(context.printer.progress(), Progress::Quiet | Progress::Json);
        let builder = Builder::new(
            environment.clone(),
            workspace,
            toolchain,
            Options {
                platforms: arguments.platform.clone(),
                created: arguments.packing.source_date_epoch,
                compression: arguments.packing.compression,
                revision: arguments.revision.clone(),
                deny_paths: arguments.deny_paths,
                sbom: SbomOptions {
                    attach: arguments.sbom,
                    directory: arguments.sbom_dir.clone(),
                    format: arguments.sbom_format,
                },
                attest,
                auditable: !arguments.no_auditable,
                outputs,
                cargo: CargoOptions {
                    profile: arguments.cargo.profile.clone(),
                    locked: arguments.cargo.locked,
                    offline: arguments.cargo.offline,
                    frozen: arguments.cargo.frozen,
                    arguments: cargo_arguments.to_vec(),
                },
                quiet,
                diagnostics_are_events: context.printer.progress() == Progress::Json,
            },
        );
        Ok(Self {
            context,
            builder,
            tag_key,
            delivery: Delivery::new(context, &arguments.destinations)?,
            arguments,
        })
    }

    /// The default package.
    pub(super) fn default_package(&self) -> Result<&str, ImageError> {
        Ok(self.builder.default_package()?)
    }

    /// A package as a service, with the binaries `bins` if any are given.
    pub(super) fn service(&self, package: &str, bins: &[String]) -> Result<Service, ImageError> {
        Ok(self.builder.service(package, bins)?)
    }

    /// The layout in which images are built.
    pub(super) fn layout(&self) -> Result<Layout, ImageError> {
        let (own, default) = (self.builder.own_layout(), self.builder.default_layout());
        self.delivery.layout(own, default, CACHE_VARIABLE)
    }

    /// The images to build for packages. Everything that can be checked is checked here, before anything is
    /// compiled.
    pub(super) fn plan(&self, services: Vec<Service>) -> Result<Vec<Plan>, ImageError> {
        let mut plans: Vec<Plan> = Vec::new();
        for mut service in services {
            let settings = &mut service.settings;
            if let Some(base) = &self.arguments.base {
                settings.base = Some(base.clone());
            }
            settings.libc = self.arguments.libc.or(settings.libc);
            let name = image_name(&service)?;
            let lead = self.delivery.lead(&name);
            if let Some(other) = plans
                .iter()
                .find(|plan| self.delivery.lead(&plan.name) == lead)
            {
                return Err(ImageError::SameName {
                    name: Box::new(lead),
                    of_output: other.name.name() != name.name(),
                    one: other.service.package.clone(),
                    other: service.package,
                });
            }
            let base = None;
            plans.push(Plan {
                service,
                name,
                base,
            });
        }
        let cargo = &self.arguments.cargo;
        let options = BaseOptions {
            registry: &self.arguments.destinations.registry,
            update: self.arguments.update_base,
            locked: cargo.locked || cargo.frozen,
            offline: cargo.offline || cargo.frozen,
            root: self.builder.root().to_owned(),
            documents: self.builder.own_layout(),
            variable: CACHE_VARIABLE,
            cache: self.builder.cache(),
        };
        let mut bases = Bases::new(self.context, options)?;
        for plan in &mut plans {
            if let Some(name) = &plan.service.settings.base {
                let platforms = self.builder.platforms(&plan.service.settings);
                plan.base = bases.get(name, &platforms)?;
            }
            let mut events = |event: Event| self.context.printer.status(&event.to_string());
            let base = plan.base.as_deref();
            self.builder.check(&plan.service, base, &mut events)?;
        }
        self.delivery.check()?;
        bases.pin()?;
        Ok(plans)
    }

    /// Builds an image, and delivers it to its destinations.
    pub(super) fn build(&self, plan: &Plan, layout: &Layout) -> Result<Done, ImageError> {
        let printer = &self.context.printer;
        let mut events = |event: Event| match event {
            Event::Diagnostic { line } => printer.diagnostic(&line),
            Event::ForeignHeaders { .. } | Event::Path { .. } => printer.warn(&event.to_string()),
            event => printer.status(&event.to_string()),
        };
        let name = self.delivery.lead(&plan.name);
        let base = plan.base.as_deref();
        let built = self
            .builder
            .build(&plan.service, &name, base, layout, &mut events)?;
        let reference = self.delivery.deliver(
            layout,
            &Parcel {
                name: &plan.name,
                built: &built,
                base: plan.base.as_ref(),
            },
            self.tag_key.as_ref(),
        )?;
        Ok(Done {
            name: plan.name.clone(),
            base: plan.base.clone(),
            built,
            reference,
        })
    }

    /// Writes the destinations that take all images at once.
    pub(super) fn finish(&self, layout: &Layout, done: &[&Done]) -> Result<(), ImageError> {
        let parcels = done.iter().map(|done| Parcel {
            name: &done.name,
            built: &done.built,
            base: done.base.as_ref(),
        });
        self.delivery.finish(layout, &parcels.collect::<Vec<_>>())
    }
}

/// The workspace of the named manifest, or else of the current directory, and its toolchain.
///
/// Cargo and rustc take tens of milliseconds each to start, so they run at the same time: rustc in the
/// manifest's directory, which usually is the workspace's root, and otherwise once more in the root.
fn sources(
    environment: &Environment,
    named: Option<&Path>,
) -> Result<(Workspace, Toolchain), ImageError> {
    let manifest = workspace::manifest(named)?;
    let directory = manifest.parent().unwrap_or(&manifest).to_owned();
    let (workspace, sysroot) = thread::scope(|scope| {
        let sysroot = scope.spawn(|| Toolchain::sysroot(&directory));
        let workspace = Workspace::read(environment, manifest);
        let sysroot = sysroot.join();
        (workspace, sysroot.expect("asking rustc does not panic"))
    });
    let workspace = workspace?;
    let sysroot = if workspace.root() == directory {
        sysroot
    } else {
        Toolchain::sysroot(workspace.root())
    };
    let toolchain = sysroot
        .and_then(|sysroot| Toolchain::read(workspace.root(), sysroot, &workspace.cache()))
        .map_err(BuildError::from)?;
    Ok((workspace, toolchain))
}

/// The attachments of the images, checked before anything is compiled.
fn attest(context: &Context, arguments: &Image, root: &Path) -> Result<Attest, ImageError> {
    let arguments = &arguments.attestation;
    let password = context.environment.key_password.as_ref();
    let key = arguments
        .sign_key
        .as_ref()
        .map(|path| PrivateKey::read(path, password.map(oci::registry::Secret::reveal)));
    let checkout = arguments.provenance.then(|| Checkout::read(root));
    let checkout = checkout.transpose()?;
    Ok(Attest {
        provenance: checkout.map(|checkout| ProvenanceOptions {
            checkout,
            builder: arguments.builder_id.clone(),
        }),
        key: key.transpose()?,
    })
}

/// What a run with these arguments writes, besides Cargo's files.
fn outputs(arguments: &Image, root: &Path) -> Vec<PathBuf> {
    let paths = arguments.destinations.paths().map(Path::to_owned);
    paths
        .chain(arguments.sbom_dir.clone())
        .chain([root.join(LOCK_FILE)])
        .collect()
}
