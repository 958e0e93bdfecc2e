//! Packing a file into an image, beside umoci, buildah, crane and Docker, and beside hashing and compressing it
//! alone; building an unchanged package; memory.

mod engine;
mod inputs;
pub(crate) mod markdown;
mod nothing_new;
mod packers;
pub(crate) mod results;
mod run;

pub(crate) use inputs::Inputs;
pub(crate) use run::run;
