//! `imagebuilder resolve`.

use std::collections::BTreeMap;

use cli::input::{self, Input};

use super::context::Context;
use super::images::Images;
use super::{CommandError, ImageError};
use crate::args::Resolve;
use crate::resolve::{Found, scan, splice, stream};

pub(super) fn run(context: &Context, args: &Resolve) -> Result<(), CommandError> {
    let resolved = resolved(context, args)?;
    let written = context.printer.data_raw(resolved.as_bytes());
    written.map_err(CommandError::Stdout)
}

/// Builds the images that the manifests name, and returns the manifests with their digests.
pub(super) fn resolved(context: &Context, args: &Resolve) -> Result<String, CommandError> {
    let inputs = input::read(&args.filenames, args.recursive)?;
    let mut scanned: Vec<(&Input, Vec<Found>)> = Vec::new();
    for input in &inputs {
        let found = scan(&input.text).map_err(|source| CommandError::Scan {
            origin: input.origin.clone(),
            source,
        })?;
        scanned.push((input, found));
    }
    let packages = scanned.iter().flat_map(|(input, found)| {
        found
            .iter()
            .map(|found| (found.package.as_str(), (input.origin.as_str(), found.line)))
    });
    // Each package once, with the first place that names it.
    let mut places: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (package, place) in packages {
        places.entry(package).or_insert(place);
    }
    let images = build(context, args, &places)?;
    let resolved = scanned
        .iter()
        .map(|(input, found)| splice(&input.text, found, |package| &images[package]));
    Ok(stream(&resolved.collect::<Vec<_>>()))
}

/// Builds the packages, and returns the name by digest of each.
fn build<'a>(
    context: &Context,
    args: &Resolve,
    places: &BTreeMap<&'a str, (&str, usize)>,
) -> Result<BTreeMap<&'a str, String>, CommandError> {
    if places.is_empty() {
        context
            .printer
            .status("Nothing to resolve: no value is `cargo://PACKAGE`");
        return Ok(BTreeMap::new());
    }
    let images = Images::new(context, &args.image, &[])?;
    let failed = |package: &str, source: ImageError| {
        let (origin, line) = places[package];
        CommandError::Resolve {
            package: package.to_owned(),
            origin: origin.to_owned(),
            line,
            source,
        }
    };
    let mut done = BTreeMap::new();
    let mut services = Vec::new();
    // All names are checked before the first package is compiled.
    for package in places.keys() {
        let service = images.service(package, &[]);
        services.push((*package, service.map_err(|error| failed(package, error))?));
    }
    let (packages, services): (Vec<&str>, Vec<_>) = services.into_iter().unzip();
    let plans = images.plan(services)?;
    let layout = images.layout()?;
    for (package, plan) in packages.into_iter().zip(plans) {
        let image = images
            .build(&plan, &layout)
            .map_err(|error| failed(package, error))?;
        done.insert(package, image);
    }
    images.finish(&layout, &done.values().collect::<Vec<_>>())?;
    let names = done
        .into_iter()
        .map(|(package, image)| (package, image.reference.to_string()));
    Ok(names.collect())
}
