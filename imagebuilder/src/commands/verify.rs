//! `imagebuilder verify`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use cli::Bytes;
use oci::copy::Source as _;
use oci::{Descriptor, Digest, Kind};

use super::CommandError;
use super::context::Context;
use super::rebuild::rebuild;
use super::source::{Image, images};
use super::verify_error::VerifyError;
use crate::args::Verify;
use crate::attest;
use crate::contents::{self, ContentError};
use crate::image_source::ImageSource;
use crate::key::PublicKey;

pub(super) fn run(context: &Context, args: &Verify) -> Result<(), CommandError> {
    let key = args.key.as_deref().map(PublicKey::read).transpose()?;
    let (source, images) = images(context, &args.source, &args.registry)?;
    let mut verifier = Verifier {
        source: &source,
        diff_ids: BTreeMap::new(),
        bytes: 0,
        referrers: 0,
    };
    for image in images {
        let failed = |source| CommandError::Verify {
            name: image.name.clone(),
            source,
        };
        verifier.image(&image).map_err(failed)?;
        if let Some(key) = &key {
            let signature = attest::check(&source, &image.root, key);
            let signature = signature.map_err(|error| failed(error.into()))?;
            let status = format!("{} is signed, by {signature}", image.root.digest);
            context.printer.status(&status);
        }
        verifier
            .referrers(&image)
            .map_err(|error| failed(error.into()))?;
        if args.rebuild {
            rebuild(context, args, &source, &image, key.as_ref())?;
        }
        let line = format!("{} {}", image.root.digest, image.name);
        context.printer.data(&line).map_err(CommandError::Stdout)?;
    }
    let (layers, bytes) = (verifier.diff_ids.len(), Bytes(verifier.bytes));
    let referrers = match verifier.referrers {
        0 => String::new(),
        1 => " and 1 referrer".to_owned(),
        count => format!(" and {count} referrers"),
    };
    context
        .printer
        .status(&format!("Verified {layers} layers{referrers}, {bytes}"));
    Ok(())
}

struct Verifier<'a> {
    source: &'a ImageSource,
    /// The layers that were read: several images may share them.
    diff_ids: BTreeMap<Digest, Digest>,
    bytes: u64,
    /// The number of referrers that were read.
    referrers: u64,
}

impl Verifier<'_> {
    /// The documents were verified when they were read.
    fn image(&mut self, image: &Image) -> Result<(), VerifyError> {
        for (_, manifest) in &image.manifests {
            let digest = manifest.config.digest;
            let config = self.source.config(&manifest.config);
            let config = config.map_err(ContentError::Source)?;
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

    /// Reads the referrers of the image, of its manifests, and of the referrers themselves.
    fn referrers(&mut self, image: &Image) -> Result<(), ContentError> {
        let manifests = image.manifests.iter().map(|(manifest, _)| manifest.digest);
        let mut open: BTreeSet<Digest> = manifests.chain([image.root.digest]).collect();
        let mut seen = open.clone();
        while !open.is_empty() {
            let found = self.source.referrers(&open)?;
            open = BTreeSet::new();
            for referrer in found {
                if !seen.insert(referrer.digest) {
                    continue;
                }
                open.insert(referrer.digest);
                if referrer.media_type.kind() == Kind::Index {
                    self.source.index(&referrer)?;
                    continue;
                }
                let manifest = self.source.manifest(&referrer)?;
                for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
                    let digest = blob.digest;
                    let read = io::copy(&mut self.source.reader(blob)?, &mut io::sink());
                    self.bytes += read.map_err(|source| ContentError::Read { digest, source })?;
                }
                self.referrers += 1;
            }
        }
        Ok(())
    }

    fn diff_id(&mut self, layer: &Descriptor) -> Result<Digest, ContentError> {
        if let Some(diff_id) = self.diff_ids.get(&layer.digest) {
            return Ok(*diff_id);
        }
        let diff_id = contents::walk(self.source, layer, &mut |_, _| Ok(()))?;
        self.diff_ids.insert(layer.digest, diff_id);
        self.bytes += layer.size;
        Ok(diff_id)
    }
}
