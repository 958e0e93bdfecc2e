//! Why two images differ: down to the field of a document, and the mode and bytes of a file.

mod bytes;
mod documents;
mod files;
mod images;
mod layers;
mod report;

pub(crate) use images::{Compared, compare};
pub(crate) use report::{Difference, text};
