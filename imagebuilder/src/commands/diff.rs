//! `imagebuilder diff`.

use oci::Digest;
use serde::Serialize;

use super::CommandError;
use super::context::Context;
use super::source::{Image, images, only};
use crate::args::{Diff, Format};
use crate::diff::{self, Compared, Difference};
use crate::image_source::ImageSource;

/// The output of `--format json`.
#[derive(Debug, Serialize)]
struct Report {
    a: Digest,
    b: Digest,
    differences: Vec<Difference>,
    schema_version: u32,
}

pub(super) fn run(context: &Context, args: &Diff) -> Result<(), CommandError> {
    let (source_a, images_a) = images(context, &args.a, &args.registry)?;
    let (source_b, images_b) = images(context, &args.b, &args.registry)?;
    let a = only(&args.a, &images_a)?;
    let b = only(&args.b, &images_b)?;
    let differences = compare((&source_a, a), (&source_b, b))?;
    let text = match args.format {
        Format::Text => diff::text(&differences),
        Format::Json => {
            let report = Report {
                a: a.root.digest,
                b: b.root.digest,
                differences,
                schema_version: 1,
            };
            serde_json::to_string(&report).expect("its keys are strings") + "\n"
        }
    };
    let written = context.printer.data_raw(text.as_bytes());
    written.map_err(CommandError::Stdout)?;
    if a.root.digest == b.root.digest {
        return Ok(());
    }
    Err(CommandError::Differ {
        a: a.root.digest,
        b: b.root.digest,
    })
}

/// How two images differ.
pub(super) fn compare(
    a: (&ImageSource, &Image),
    b: (&ImageSource, &Image),
) -> Result<Vec<Difference>, CommandError> {
    let compared = diff::compare(view(a), view(b));
    compared.map_err(|source| CommandError::Inspect {
        name: b.1.name.clone(),
        source,
    })
}

fn view<'a>((source, image): (&'a ImageSource, &'a Image)) -> Compared<'a> {
    Compared {
        source,
        root: &image.root,
        manifests: &image.manifests,
    }
}
