//! What refers to an image: bills of materials, provenance, signatures.

mod artifact;
mod attached;
mod build;
mod bundle;
mod check;
mod checkout;
mod key;
mod legacy;
mod provenance;
mod recorded;
mod sign;
mod statement;

pub(crate) use artifact::Artifact;
pub(crate) use attached::{Attached, attached};
pub(crate) use build::{Attest, AttestError, BuildFacts, ProvenanceOptions, Subjects, attest};
pub(crate) use check::{SignatureError, check};
pub(crate) use checkout::{Checkout, CheckoutError};
#[cfg(test)]
pub(crate) use key::DecryptError;
pub(crate) use key::{KeyError, PrivateKey, PublicKey};
pub(crate) use legacy::{SignatureTagError, sign as sign_tag};
pub(crate) use recorded::{Recorded, recorded};
