//! `nodectl images`.

use cli::{Bytes, Exit, Printer};
use oci::layout::Layout;
use serde_json::json;

use super::error::{CommandError, Result, UsageError};
use super::process::{in_an_hour, random_hex};
use super::stdout::data;
use super::table::table;
use crate::args::{Global, ImagesCommand, ImportArgs, Output};
use crate::containerd::{Containerd, Labels};
use crate::images::{self, Holding};

pub(super) async fn images(
    printer: Printer,
    global: &Global,
    command: ImagesCommand,
) -> Result<Exit> {
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    match command {
        ImagesCommand::Import(args) => import(printer, &client, &args).await,
        ImagesCommand::List(args) => list(printer, &client, args.output).await,
        ImagesCommand::Rm(args) => {
            let mut missing = Vec::new();
            for name in args.names {
                if client.remove_image(&name, true).await? {
                    data(printer, &name)?;
                } else {
                    missing.push(name);
                }
            }
            if missing.is_empty() {
                return Ok(Exit::Ok);
            }
            Err(CommandError::NoSuchImages {
                names: missing,
                namespace: client.namespace().to_owned(),
            })
        }
    }
}

async fn import(printer: Printer, client: &Containerd, args: &ImportArgs) -> Result<Exit> {
    let layout = Layout::open(&args.layout.0)?;
    let all = layout.images()?;
    let image = match (&args.reference, all.as_slice()) {
        (Some(reference), [only]) if layout.find(reference).is_err() => only.clone(),
        (Some(reference), _) => layout.find(reference)?,
        (None, [only]) => only.clone(),
        (None, _) => {
            let message = format!("`{}` has {} images", layout.path().display(), all.len());
            return Err(UsageError::new(message, Some("choose one with --ref NAME")).into());
        }
    };
    let name = match (&args.reference, image.ref_name()) {
        (Some(reference), _) => reference.to_string(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => {
            let message = format!("the image of `{}` has no name", layout.path().display());
            return Err(UsageError::new(message, Some("give it one with --ref NAME")).into());
        }
    };
    let held = holding(random_hex(), Labels::new());
    let imported = images::import(client, &layout, &image, &name, Labels::new(), &held)
        .await
        .map_err(|source| CommandError::Import {
            name: name.clone(),
            layout: layout.path().to_owned(),
            source: Box::new(source),
        })?;
    printer.status(&format!(
        "Imported {} blobs ({} already there, {})",
        imported.written,
        imported.present,
        Bytes(imported.bytes)
    ));
    data(printer, &format!("{} {}", imported.name, imported.digest))?;
    Ok(Exit::Ok)
}

/// Holds an import that begins now.
pub(super) fn holding(unique: String, labels: Labels) -> Holding {
    Holding {
        unique,
        expires_ms: in_an_hour(),
        labels,
    }
}

async fn list(printer: Printer, client: &Containerd, output: Output) -> Result<Exit> {
    let images = client.images().await?;
    match output {
        Output::Text => {
            let rows: Vec<_> = images
                .iter()
                .map(|image| vec![image.name.clone(), image.target.digest.clone()])
                .collect();
            for line in table(&["NAME", "DIGEST"], &rows) {
                data(printer, &line)?;
            }
        }
        Output::Json => {
            let images: Vec<_> = images
                .iter()
                .map(|image| json!({"digest": image.target.digest, "media_type": image.target.media_type, "name": image.name}))
                .collect();
            data(
                printer,
                &json!({"images": images, "schema_version": 1}).to_string(),
            )?;
        }
    }
    Ok(Exit::Ok)
}
