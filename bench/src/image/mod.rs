//! Packing a file into an image, beside umoci, buildah and crane; a build of what did not change; memory.

mod inputs;
pub(crate) mod markdown;
mod nothing_new;
mod packers;
pub(crate) mod results;
mod run;

pub(crate) use inputs::Inputs;
pub(crate) use run::run;
