//! Pushes, beside skopeo's and crane's, and a hundred services under Amazon ECR's rates.

mod image;
pub(crate) mod markdown;
pub(crate) mod results;
mod run;
mod server;
mod services;

pub(crate) use run::{Inputs, run};
