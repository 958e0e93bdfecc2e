//! `imagebuilder verify`.

use std::collections::BTreeMap;

use cli::Bytes;
use oci::layout::Layout;
use oci::{Descriptor, Digest};

use super::CommandError;
use super::context::Context;
use super::source::{Image, images, open};
use super::verify_error::VerifyError;
use crate::args::Verify;
use crate::contents::{self, ContentError};

pub(super) fn run(context: &Context, args: &Verify) -> Result<(), CommandError> {
    let layout = open(context, &args.source)?;
    let mut verifier = Verifier {
        layout: &layout,
        diff_ids: BTreeMap::new(),
        bytes: 0,
    };
    for image in images(&layout, &args.source)? {
        let failed = |source| CommandError::Verify {
            name: image.name.clone(),
            source,
        };
        verifier.image(&image).map_err(failed)?;
        let line = format!("{} {}", image.root.digest, image.name);
        context.printer.data(&line).map_err(CommandError::Stdout)?;
    }
    let (layers, bytes) = (verifier.diff_ids.len(), Bytes(verifier.bytes));
    context
        .printer
        .status(&format!("Verified {layers} layers, {bytes}"));
    Ok(())
}

struct Verifier<'a> {
    layout: &'a Layout,
    /// Of the layers that were read: several images may have them.
    diff_ids: BTreeMap<Digest, Digest>,
    bytes: u64,
}

impl Verifier<'_> {
    /// The documents were verified when they were read.
    fn image(&mut self, image: &Image) -> Result<(), VerifyError> {
        for (_, manifest) in &image.manifests {
            let digest = manifest.config.digest;
            let config = self.layout.config(&manifest.config);
            let config = config.map_err(ContentError::Layout)?;
            let diff_ids = config.diff_ids().map_err(|source| VerifyError::Invalid {
                config: digest,
                source,
            })?;
            if diff_ids.len() != manifest.layers.len() {
                return Err(VerifyError::Layers {
                    config: digest,
                    expected: diff_ids.len(),
                    layers: manifest.layers.len(),
                });
            }
            for (layer, expected) in manifest.layers.iter().zip(diff_ids) {
                let actual = self.diff_id(layer)?;
                if actual != expected {
                    return Err(VerifyError::DiffId {
                        layer: layer.digest,
                        expected,
                        actual,
                    });
                }
            }
        }
        Ok(())
    }

    fn diff_id(&mut self, layer: &Descriptor) -> Result<Digest, ContentError> {
        if let Some(diff_id) = self.diff_ids.get(&layer.digest) {
            return Ok(*diff_id);
        }
        let diff_id = contents::read(self.layout, layer)?.diff_id;
        self.diff_ids.insert(layer.digest, diff_id);
        self.bytes += layer.size;
        Ok(diff_id)
    }
}
