//! Why two images differ: down to the field of a document, and the mode and bytes of a file. `images` begins the
//! comparison, and `report` prints the differences.

mod bytes;
mod documents;
mod files;
mod images;
mod layers;
mod report;

pub(crate) use images::{Compared, compare};
pub(crate) use report::{Difference, text};
