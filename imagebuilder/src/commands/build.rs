//! `imagebuilder build`.

use super::images::{Done, Images};
use super::run::Context;
use super::{CommandError, ImageError};
use crate::args::{Build, Format};

pub(super) fn run(context: &Context, args: &Build) -> Result<(), CommandError> {
    let failed = |package: &str| {
        let package = package.to_owned();
        |source| CommandError::Build { package, source }
    };
    let images = Images::new(context, &args.image, &args.cargo_arguments);
    let images = images.map_err(|error| match &args.package {
        Some(package) => failed(package)(error),
        None => error.into(),
    })?;
    let package = match &args.package {
        Some(package) => package,
        None => images.default_package()?,
    };
    let done = build(&images, package, args).map_err(failed(package))?;
    let line = match args.format {
        Format::Text => done.reference.to_string(),
        Format::Json => json(&done),
    };
    context.printer.data(&line).map_err(CommandError::Stdout)
}

fn build(images: &Images, package: &str, args: &Build) -> Result<Done, ImageError> {
    let mut service = images.service(package)?;
    service.settings.features.extend_from_slice(&args.features);
    service.settings.no_default_features |= args.no_default_features;
    images.build(&service, &images.layout()?)
}

fn json(done: &Done) -> String {
    let descriptor = &done.built.descriptor;
    serde_json::json!({
        "digest": descriptor.digest,
        "media_type": descriptor.media_type,
        "name": done.reference.name(),
        "reference": done.reference,
        "schema_version": 1,
        "size_bytes": descriptor.size,
    })
    .to_string()
}
