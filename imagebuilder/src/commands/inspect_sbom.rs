//! `imagebuilder inspect --sbom`: the crates of an image.

use std::io::{self, Read as _, Seek as _};

use object::ReadCache;
use oci::{Descriptor, Digest};
use serde::Serialize;
use serde_json::Value;

use crate::attest::attached;
use crate::auditable::{self, Crate};
use crate::contents::{self, ContentError};
use crate::image_source::ImageSource;
use crate::sbom::{Format, Listed};

/// The first bytes of an ELF file.
const ELF: &[u8] = b"\x7fELF";

/// The lists of crates of an image.
#[derive(Debug, Serialize)]
pub(super) struct Sbom {
    /// The bills of materials that are attached to it.
    documents: Vec<Document>,
    /// The programs that have a list of their crates.
    programs: Vec<Program>,
}

#[derive(Debug, Serialize)]
struct Document {
    content: Value,
    digest: Digest,
    media_type: String,
    #[serde(skip)]
    listed: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Program {
    crates: Vec<Crate>,
    path: String,
}

impl Sbom {
    pub(super) fn read(
        source: &ImageSource,
        manifest: &Descriptor,
        layers: &[Descriptor],
    ) -> Result<Self, ContentError> {
        let types = [Format::Spdx, Format::Cyclonedx].map(Format::media_type);
        let mut documents = Vec::new();
        for found in attached(source, manifest, &types)? {
            let content: Value =
                serde_json::from_slice(&found.document).map_err(|error| ContentError::Read {
                    digest: found.referrer.digest,
                    source: error.into(),
                })?;
            documents.push(Document {
                digest: found.referrer.digest,
                listed: Listed::of(&content),
                content,
                media_type: found.media_type.to_string(),
            });
        }
        let mut programs = Vec::new();
        for layer in layers {
            let mut found = Vec::new();
            contents::walk(source, layer, &mut |entry, content| {
                let mut start = [0; ELF.len()];
                if !entry.is_file || entry.size_bytes < start.len() as u64 {
                    return Ok(());
                }
                content.read_exact(&mut start)?;
                if start != ELF {
                    return Ok(());
                }
                let mut file = tempfile::tempfile()?;
                io::copy(&mut start.chain(content), &mut file)?;
                file.rewind()?;
                found.push((entry.path, auditable::read(&ReadCache::new(&file))));
                Ok(())
            })?;
            for (path, crates) in found {
                match crates {
                    Ok(Some(crates)) => programs.push(Program {
                        crates: crates.packages,
                        path,
                    }),
                    // The program cannot be read, for example because it is a 32-bit one.
                    Ok(None) | Err(auditable::SectionError::Elf(_)) => {}
                    Err(error) => {
                        let source = error.into();
                        return Err(ContentError::Binary { path, source });
                    }
                }
            }
        }
        Ok(Self {
            documents,
            programs,
        })
    }

    /// The rows of a table, each with lines below it.
    pub(super) fn rows(&self) -> Vec<(&'static str, String, Vec<String>)> {
        let documents = self.documents.iter().map(|document| {
            let value = format!("{} {}", document.digest, document.media_type);
            let line = |listed: &Listed| {
                let Listed {
                    name,
                    version,
                    license,
                } = listed;
                format!("{name} {version}  {license}").trim_end().to_owned()
            };
            ("sbom", value, document.listed.iter().map(line).collect())
        });
        let programs = self.programs.iter().map(|program| {
            let line = |found: &Crate| {
                let Crate {
                    name,
                    version,
                    source,
                    kind,
                    ..
                } = found;
                let kind = kind.as_deref().unwrap_or_default();
                format!("{name} {version}  {source} {kind}")
                    .trim_end()
                    .to_owned()
            };
            let lines = program.crates.iter().map(line).collect();
            ("crates", format!("/{}", program.path), lines)
        });
        documents.chain(programs).collect()
    }
}
