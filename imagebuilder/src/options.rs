//! The command line's options for all images of a run.

use std::path::PathBuf;

use oci::Platform;

use crate::checkout::Checkout;
use crate::key::PrivateKey;
use crate::layer::LayerCompression;
use crate::sbom::SbomOptions;

/// How images are built.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line of its own"
)]
pub(crate) struct Options {
    /// The platforms to build for; if empty, those of the settings, else the host's.
    pub(crate) platforms: Vec<Platform>,
    /// The time of everything in the image, in seconds since 1970.
    pub(crate) created: u64,
    /// How layers are compressed.
    pub(crate) compression: LayerCompression,
    /// The source's revision.
    pub(crate) revision: Option<String>,
    /// The bills of materials.
    pub(crate) sbom: SbomOptions,
    /// Adds the list of crates to the binary.
    pub(crate) auditable: bool,
    /// The other attachments of the image.
    pub(crate) attest: Attest,
    /// Fails if a binary contains a path of this machine.
    pub(crate) deny_paths: bool,
    /// The files and directories that the run writes, besides Cargo's. Assets that are directories or patterns leave
    /// them out.
    pub(crate) outputs: Vec<PathBuf>,
    /// How Cargo compiles.
    pub(crate) cargo: CargoOptions,
    /// Cargo shows only its diagnostics.
    pub(crate) quiet: bool,
    /// Cargo's diagnostics are emitted as events.
    pub(crate) diagnostics_are_events: bool,
}

/// The attachments of each image of a run, besides bills of materials.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attest {
    pub(crate) provenance: Option<ProvenanceOptions>,
    /// Signs the image and its attachments.
    pub(crate) key: Option<PrivateKey>,
}

/// The run, as described in the provenance.
#[derive(Clone, Debug)]
pub(crate) struct ProvenanceOptions {
    pub(crate) checkout: Checkout,
    /// The builder, as a URI.
    pub(crate) builder: String,
}

/// How Cargo compiles.
#[derive(Clone, Debug)]
pub(crate) struct CargoOptions {
    /// The profile.
    pub(crate) profile: String,
    /// `--locked`
    pub(crate) locked: bool,
    /// `--offline`
    pub(crate) offline: bool,
    /// `--frozen`
    pub(crate) frozen: bool,
    /// Further arguments for `cargo build`.
    pub(crate) arguments: Vec<String>,
}

impl CargoOptions {
    /// The flags that keep Cargo from changing Cargo.lock or using the network.
    pub(crate) fn lock_flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            (self.locked, "--locked"),
            (self.offline, "--offline"),
            (self.frozen, "--frozen"),
        ];
        flags
            .into_iter()
            .filter(|(set, _)| *set)
            .map(|(_, flag)| flag)
    }
}
