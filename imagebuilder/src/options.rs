//! What the command line says of every image of a run.

use oci::Platform;

use crate::checkout::Checkout;
use crate::key::PrivateKey;
use crate::layer::LayerCompression;
use crate::sbom::Sbom;

/// How images are built.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line of its own"
)]
pub(crate) struct Options {
    /// The platforms to build for; those of the settings, else the host's, where empty.
    pub(crate) platforms: Vec<Platform>,
    /// The time of everything in the image, in seconds since 1970.
    pub(crate) created: u64,
    /// How layers are compressed.
    pub(crate) compression: LayerCompression,
    /// The source's revision.
    pub(crate) revision: Option<String>,
    /// The bills of materials.
    pub(crate) sbom: Sbom,
    /// The list of crates is put into the binary.
    pub(crate) auditable: bool,
    /// What else is attached to the image.
    pub(crate) attest: Attest,
    /// A path of this machine in a binary is an error.
    pub(crate) deny_paths: bool,
    /// How Cargo compiles.
    pub(crate) cargo: CargoOptions,
    /// Cargo shows its diagnostics only.
    pub(crate) quiet: bool,
    /// Cargo's diagnostics are emitted as events.
    pub(crate) diagnostics_are_events: bool,
}

/// What is attached to each image of a run, besides bills of materials.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attest {
    pub(crate) provenance: Option<ProvenanceOptions>,
    /// Signs the image, and what is attached to it.
    pub(crate) key: Option<PrivateKey>,
}

/// What provenance says of the run.
#[derive(Clone, Debug)]
pub(crate) struct ProvenanceOptions {
    pub(crate) checkout: Checkout,
    /// Who ran the build, as a URI.
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
    /// The flags by which Cargo leaves Cargo.lock or the network alone.
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
