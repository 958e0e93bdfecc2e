//! `imagebuilder init`.

use std::fs;

use super::CommandError;
use super::context::Context;
use crate::args::Init;
use crate::files;
use crate::init::{append, find, text};
use crate::workspace::{self, Workspace};

pub(super) fn run(context: &Context, args: &Init) -> Result<(), CommandError> {
    let failed = |source| CommandError::Images(super::ImageError::from(source));
    let manifest = workspace::manifest(args.manifest_path.as_deref()).map_err(failed)?;
    let workspace = Workspace::read(&context.environment, manifest).map_err(failed)?;
    let package = match &args.package {
        Some(package) => package,
        None => workspace.default_package().map_err(failed)?,
    };
    let outline = workspace.outline(package).map_err(failed)?;
    let table = text(&find(&outline, workspace.root()));
    if args.print {
        let written = context.printer.data_raw(table.as_bytes());
        return written.map_err(CommandError::Stdout);
    }
    let manifest = &outline.manifest;
    let cannot = |source| CommandError::Manifest {
        path: manifest.clone(),
        source,
    };
    if outline.has_table {
        return Err(CommandError::HasTable {
            path: manifest.clone(),
        });
    }
    let all = fs::read_to_string(manifest).map_err(cannot)?;
    let all = append(&all, &table).map_err(|error| CommandError::Append {
        path: manifest.clone(),
        problem: error.message().to_owned(),
    })?;
    files::rewrite(manifest, all.as_bytes()).map_err(cannot)?;
    let status = format!("Wrote [package.metadata.image] to {}", manifest.display());
    context.printer.status(&status);
    Ok(())
}
