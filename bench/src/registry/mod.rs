//! Pushes, beside skopeo's and crane's, and a hundred services under Amazon ECR's rates.

mod image;
mod markdown;
mod process;
mod results;
mod run;
mod server;
mod services;

pub(crate) use markdown::write as markdown;
pub(crate) use results::{Results, SCHEMA_VERSION};
pub(crate) use run::{Inputs, run};
