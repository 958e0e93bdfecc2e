//! Copies an image between two places: only what is missing, and in an order that never leaves a
//! document that refers to missing content.
//!
//! `plan` finds out what belongs to an image, and `engine` copies it. Layouts and repositories implement
//! [`Source`] and [`Destination`] in modules of their own; [`referrers`](crate::referrers) copies what refers to
//! an image.

mod blobs;
mod destination;
mod engine;
mod error;
mod event;
mod plan;
mod source;

pub use destination::{Destination, Open, Stored};
pub use engine::copy;
pub(crate) use engine::name_all;
pub(crate) use error::Copied;
pub use error::CopyError;
pub use event::CopyEvent;
pub use source::Source;
