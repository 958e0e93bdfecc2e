//! Packing a file into an image, beside umoci, buildah and crane; building an unchanged package; memory.

mod inputs;
pub(crate) mod markdown;
mod nothing_new;
mod packers;
pub(crate) mod results;
mod run;

pub(crate) use inputs::Inputs;
pub(crate) use run::run;
