//! `imagebuilder inspect`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cli::{Bytes, printable};
use oci::{Descriptor, Digest};
use serde::Serialize;

use super::CommandError;
use super::context::Context;
use super::inspect_sbom::Sbom;
use super::source::{self, images};
use crate::args::{Format, Inspect};
use crate::attest::{self, Recorded, RecordedSource};
use crate::contents::{self, ContentError, Entry};
use crate::image_source::ImageSource;

/// The output of `--format json`.
#[derive(Debug, Serialize)]
struct Report {
    images: Vec<Image>,
    schema_version: u32,
}

#[derive(Debug, Serialize)]
struct Image {
    digest: Digest,
    manifests: Vec<Manifest>,
    media_type: String,
    name: String,
}

#[derive(Debug, Serialize)]
struct Manifest {
    annotations: BTreeMap<String, String>,
    args: Vec<String>,
    created: Option<String>,
    digest: Digest,
    env: Vec<String>,
    labels: BTreeMap<String, String>,
    layers: Vec<Layer>,
    platform: String,
    ports: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<Recorded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sbom: Option<Sbom>,
    stop_signal: Option<String>,
    user: String,
    volumes: Vec<String>,
    working_dir: String,
}

#[derive(Debug, Serialize)]
struct Layer {
    created_by: Option<String>,
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<Entry>>,
    media_type: String,
    size_bytes: u64,
}

pub(super) fn run(context: &Context, args: &Inspect) -> Result<(), CommandError> {
    let (source, images) = images(context, &args.source, &args.registry)?;
    let images: Result<Vec<Image>, CommandError> = images
        .into_iter()
        .map(|image| {
            let name = image.name.clone();
            let read = read(&source, image, args);
            read.map_err(|source| CommandError::Inspect { name, source })
        })
        .collect();
    let report = Report {
        images: images?,
        schema_version: 1,
    };
    let text = match args.format {
        Format::Json => serde_json::to_string(&report).expect("its keys are strings") + "\n",
        Format::Text => table(&report.images),
    };
    let written = context.printer.data_raw(text.as_bytes());
    written.map_err(CommandError::Stdout)
}

fn read(source: &ImageSource, image: source::Image, args: &Inspect) -> Result<Image, ContentError> {
    let manifests = image.manifests.into_iter();
    let manifests = manifests.map(|(descriptor, manifest)| {
        let config = source.config(&manifest.config)?;
        let mut history = config.spec.history().iter().flatten();
        // Some entries only stand for a change of the configuration.
        let mut history =
            std::iter::from_fn(|| history.find(|entry| entry.empty_layer() != Some(true)));
        let layers: Result<Vec<Layer>, ContentError> = manifest
            .layers
            .iter()
            .map(|layer| {
                let created_by = history.next().and_then(|entry| entry.created_by().clone());
                read_layer(source, layer, created_by, args.files)
            })
            .collect();
        let run = config.spec.config().as_ref();
        let labels = run.and_then(|run| run.labels().clone());
        let ports = run.and_then(|run| run.exposed_ports().clone());
        let volumes = run.and_then(|run| run.volumes().clone());
        let provenance = if args.provenance {
            attest::recorded(source, &descriptor, None)?
        } else {
            None
        };
        let sbom = if args.sbom {
            Some(Sbom::read(source, &descriptor, &manifest.layers)?)
        } else {
            None
        };
        Ok(Manifest {
            annotations: manifest.annotations,
            args: config.args(),
            created: config.spec.created().clone(),
            digest: descriptor.digest,
            env: config.env().to_vec(),
            labels: labels.into_iter().flatten().collect(),
            layers: layers?,
            platform: config.platform().to_string(),
            ports: ports.unwrap_or_default(),
            provenance,
            sbom,
            stop_signal: run.and_then(|run| run.stop_signal().clone()),
            user: config.user().to_owned(),
            volumes: volumes.unwrap_or_default(),
            working_dir: config.working_dir().to_owned(),
        })
    });
    Ok(Image {
        digest: image.root.digest,
        manifests: manifests.collect::<Result<_, ContentError>>()?,
        media_type: image.root.media_type.to_string(),
        name: image.name,
    })
}

fn read_layer(
    source: &ImageSource,
    layer: &Descriptor,
    created_by: Option<String>,
    files: bool,
) -> Result<Layer, ContentError> {
    let files = if files {
        Some(contents::read(source, layer)?.entries)
    } else {
        None
    };
    Ok(Layer {
        created_by,
        digest: layer.digest,
        files,
        media_type: layer.media_type.to_string(),
        size_bytes: layer.size,
    })
}

/// The images as text.
fn table(images: &[Image]) -> String {
    let mut out = String::new();
    for (at, image) in images.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        row(&mut out, "", "name", &image.name);
        row(&mut out, "", "digest", &image.digest.to_string());
        for manifest in &image.manifests {
            out.push('\n');
            row(&mut out, "  ", "platform", &manifest.platform);
            row(&mut out, "  ", "digest", &manifest.digest.to_string());
            row(
                &mut out,
                "  ",
                "created",
                manifest.created.as_deref().unwrap_or_default(),
            );
            row(&mut out, "  ", "args", &manifest.args.join(" "));
            row(&mut out, "  ", "user", &manifest.user);
            row(&mut out, "  ", "workdir", &manifest.working_dir);
            row(&mut out, "  ", "ports", &manifest.ports.join(" "));
            row(&mut out, "  ", "volumes", &manifest.volumes.join(" "));
            row(
                &mut out,
                "  ",
                "stop signal",
                manifest.stop_signal.as_deref().unwrap_or_default(),
            );
            for variable in &manifest.env {
                row(&mut out, "  ", "env", variable);
            }
            for (key, value) in &manifest.labels {
                row(&mut out, "  ", "label", &format!("{key}={value}"));
            }
            for (key, value) in &manifest.annotations {
                row(&mut out, "  ", "annotation", &format!("{key}={value}"));
            }
            if let Some(provenance) = &manifest.provenance {
                let RecordedSource { uri, digest } = &provenance.source;
                row(
                    &mut out,
                    "  ",
                    "source",
                    &format!("{uri} {}", digest.git_commit),
                );
                row(&mut out, "  ", "directory", &provenance.directory);
                let command = provenance.arguments.join(" ");
                row(
                    &mut out,
                    "  ",
                    "command",
                    &format!("imagebuilder {command}"),
                );
            }
            for layer in &manifest.layers {
                let size = Bytes(layer.size_bytes).to_string();
                let by = layer.created_by.as_deref().unwrap_or_default();
                row(
                    &mut out,
                    "  ",
                    "layer",
                    &format!("{} {size:>10}  {by}", layer.digest),
                );
                for entry in layer.files.iter().flatten() {
                    file(&mut out, entry);
                }
            }
            for (name, value, lines) in manifest.sbom.iter().flat_map(Sbom::rows) {
                row(&mut out, "  ", name, &value);
                for line in lines {
                    let line = printable(&line);
                    writeln!(out, "    {line}").expect("writing to memory cannot fail");
                }
            }
        }
    }
    out
}

fn row(out: &mut String, indent: &str, name: &str, value: &str) {
    if !value.is_empty() {
        let value = printable(value);
        writeln!(out, "{indent}{name:<11} {value}").expect("writing to memory cannot fail");
    }
}

fn file(out: &mut String, entry: &Entry) {
    let owner = format!("{}:{}", entry.uid, entry.gid);
    write!(
        out,
        "    {} {owner:<12} {:>10} {}",
        entry.mode,
        Bytes(entry.size_bytes).to_string(),
        printable(&entry.path)
    )
    .expect("writing to memory cannot fail");
    if let Some(target) = &entry.target {
        write!(out, " -> {}", printable(target)).expect("writing to memory cannot fail");
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_an_image_stays_in_its_row() {
        let mut out = String::new();
        row(&mut out, "", "label", "a=\u{1b}[2Jb\nlabel       forged=1");
        assert_eq!(out, "label       a=\\u{1b}[2Jb\\nlabel       forged=1\n");
    }
}
