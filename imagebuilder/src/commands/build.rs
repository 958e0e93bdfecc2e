//! `imagebuilder build`.

use anyhow::Context as _;

use super::images::{Done, Images};
use super::run::Context;
use crate::args::{Build, Format};

pub(super) fn run(context: &Context, args: &Build) -> anyhow::Result<()> {
    let package = &args.package;
    let done =
        build(context, args).with_context(|| format!("cannot build an image of `{package}`"))?;
    let line = match args.format {
        Format::Text => done.reference.to_string(),
        Format::Json => json(&done),
    };
    context
        .printer
        .data(&line)
        .context("cannot write to standard output")
}

fn build(context: &Context, args: &Build) -> anyhow::Result<Done> {
    let images = Images::new(context, &args.image)?;
    let mut service = images.service(&args.package)?;
    service.settings.features.extend_from_slice(&args.features);
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
