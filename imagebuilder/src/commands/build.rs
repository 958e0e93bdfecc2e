//! `imagebuilder build`.

use anyhow::Context as _;
use cli::Progress;
use oci::layout::Layout;

use super::run::Context;
use crate::args::{Build, Format, Image};
use crate::builder::{Builder, Built, Event};
use crate::workspace::Workspace;

pub(super) fn run(context: &Context, args: &Build) -> anyhow::Result<()> {
    let package = &args.package;
    let failed = || format!("cannot build an image of `{package}`");
    let builder = builder(context, &args.image).with_context(failed)?;
    let service = builder.service(package).with_context(failed)?;
    let layout = Layout::create(&args.image.output.layout).with_context(failed)?;
    let mut events = |event: Event| context.printer.status(&event.to_string());
    let tag = args.image.tag.as_deref();
    let built = builder
        .build(&service, &layout, tag, &mut events)
        .with_context(failed)?;
    let line = match args.format {
        Format::Text => built.reference().to_string(),
        Format::Json => json(&built),
    };
    context
        .printer
        .data(&line)
        .context("cannot write to standard output")
}

/// A builder for the workspace that the arguments name.
pub(super) fn builder(context: &Context, image: &Image) -> anyhow::Result<Builder> {
    if context.environment.rustflags {
        context
            .printer
            .warn("RUSTFLAGS is not used: the image would depend on it");
    }
    let workspace = Workspace::read(&context.environment, image.manifest_path.as_deref())?;
    let quiet = matches!(context.printer.progress(), Progress::Quiet | Progress::Json);
    Ok(Builder::new(
        context.environment.clone(),
        workspace,
        image.platform.clone(),
        image.source_date_epoch,
        quiet,
    )?)
}

fn json(built: &Built) -> String {
    serde_json::json!({
        "digest": built.descriptor.digest,
        "media_type": built.descriptor.media_type,
        "name": built.name,
        "reference": built.reference(),
        "schema_version": 1,
        "size_bytes": built.descriptor.size,
    })
    .to_string()
}
