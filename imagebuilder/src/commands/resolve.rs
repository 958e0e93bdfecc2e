//! `imagebuilder resolve`.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::images::Images;
use super::read::{Source, sources};
use super::run::Context;
use crate::args::Resolve;
use crate::resolve::{Found, scan, splice};

pub(super) fn run(context: &Context, args: &Resolve) -> anyhow::Result<()> {
    let sources = sources(&args.filenames)?;
    let mut scanned: Vec<(&Source, Vec<Found>)> = Vec::new();
    for source in &sources {
        let found =
            scan(&source.text).with_context(|| format!("cannot resolve {}", source.name))?;
        scanned.push((source, found));
    }
    let packages = scanned.iter().flat_map(|(source, found)| {
        found
            .iter()
            .map(|found| (found.package.as_str(), (source.name.as_str(), found.line)))
    });
    // Each package once, with the first place that names it.
    let mut places: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for (package, place) in packages {
        places.entry(package).or_insert(place);
    }
    let images = build(context, args, &places)?;
    let mut out = String::new();
    for (source, found) in &scanned {
        append(
            &mut out,
            &splice(&source.text, found, |package| &images[package]),
        );
    }
    context
        .printer
        .data_raw(out.as_bytes())
        .context("cannot write to standard output")
}

/// Builds the packages, and returns the name by digest of each.
fn build<'a>(
    context: &Context,
    args: &Resolve,
    places: &BTreeMap<&'a str, (&str, usize)>,
) -> anyhow::Result<BTreeMap<&'a str, String>> {
    let mut done = BTreeMap::new();
    if places.is_empty() {
        context
            .printer
            .status("Nothing to resolve: no value is `cargo://PACKAGE`");
        return Ok(done);
    }
    let images = Images::new(context, &args.image)?;
    let failed = |package: &str| {
        let (name, line) = places[package];
        format!("cannot resolve `cargo://{package}` of {name}, line {line}")
    };
    let mut services = Vec::new();
    // All names are checked before the first is compiled.
    for package in places.keys() {
        services.push((
            *package,
            images.service(package).with_context(|| failed(package))?,
        ));
    }
    let layout = images.layout()?;
    for (package, service) in services {
        let image = images
            .build(&service, &layout)
            .with_context(|| failed(package))?;
        done.insert(package, image.reference.to_string());
    }
    Ok(done)
}

/// Appends a file's text, as a document of its own.
fn append(out: &mut String, text: &str) {
    if !out.is_empty() {
        if !out.ends_with('\n') {
            out.push('\n');
        }
        if !text.starts_with("---") {
            out.push_str("---\n");
        }
    }
    out.push_str(text);
}
