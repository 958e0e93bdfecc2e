//! The list of crates in a binary, as `cargo auditable` writes it: scanners read it from the binary
//! itself, without the sources and without an attestation.
//!
//! The list (`crates`) is appended to what Cargo linked (`embed`, `section`), so that it works with every linker
//! and changes neither Cargo's arguments nor its cache. Format:
//! <https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md>.

mod crates;
mod embed;
mod section;

pub(crate) use crates::{Crate, Crates};
pub(crate) use embed::{EmbedError, embed};
pub(crate) use section::{SectionError, read};
