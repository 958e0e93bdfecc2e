//! The referrers of an image: bills of materials, provenance, signatures.
//!
//! `build` attaches them to an image that was built, each as an `artifact`, and `attached` reads them.
//! `provenance` is created there and read by `recorded`. `sign` creates signatures, and `check` verifies them:
//! a `statement` in a `bundle`, or in cosign's older form (`legacy`).

mod artifact;
mod attached;
mod build;
mod bundle;
mod check;
mod legacy;
mod provenance;
mod recorded;
mod refused;
mod sign;
mod statement;

pub(crate) use artifact::Artifact;
pub(crate) use attached::{Attached, attached};
pub(crate) use build::{AttestError, BuildFacts, Subjects, attest};
pub(crate) use check::{SignatureError, check};
pub(crate) use legacy::{SignatureTagError, sign as sign_tag};
pub(crate) use recorded::{Recorded, RecordedSource, recorded};
