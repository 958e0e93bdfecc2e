//! `imagebuilder build`.

use super::CommandError;
use super::context::Context;
use super::images::{Done, Images};
use crate::args::{Build, Format};
use crate::workspace::Service;

pub(super) fn run(context: &Context, args: &Build) -> Result<(), CommandError> {
    for done in images(context, args)? {
        let line = match args.format {
            Format::Text => done.reference.to_string(),
            Format::Json => json(&done),
        };
        context.printer.data(&line).map_err(CommandError::Stdout)?;
    }
    Ok(())
}

/// Builds the images, and delivers them to their destinations.
pub(super) fn images(context: &Context, args: &Build) -> Result<Vec<Done>, CommandError> {
    let failed = |package: &str| {
        let package = package.to_owned();
        |source| CommandError::Build { package, source }
    };
    let images = Images::new(context, &args.image, &args.cargo_arguments);
    let images = images.map_err(|error| match &args.packages[..] {
        [package] => failed(package)(error),
        _ => error.into(),
    })?;
    let mut packages: Vec<&str> = args.packages.iter().map(String::as_str).collect();
    if packages.is_empty() {
        packages.push(images.default_package()?);
    }
    let mut services: Vec<Service> = Vec::new();
    for package in packages {
        let mut service = images
            .service(package, &args.bin)
            .map_err(failed(package))?;
        if services.iter().any(|other| other.id == service.id) {
            continue;
        }
        service.settings.features.extend_from_slice(&args.features);
        service.settings.no_default_features |= args.no_default_features;
        services.push(service);
    }
    let plans = images.plan(services)?;
    let layout = images.layout()?;
    let mut all = Vec::new();
    for plan in plans {
        let done = images.build(&plan, &layout);
        all.push(done.map_err(failed(&plan.service.package))?);
    }
    images.finish(&layout, &all.iter().collect::<Vec<_>>())?;
    Ok(all)
}

fn json(done: &Done) -> String {
    let descriptor = &done.built.root;
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
