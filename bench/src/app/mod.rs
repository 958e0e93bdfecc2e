//! The service beside a bare epoll loop, Flask under gunicorn, and podinfo.

mod idle;
mod image;
mod inputs;
pub(crate) mod markdown;
mod quota;
pub(crate) mod results;
mod run;
mod speed;
mod startup;
mod subject;
mod targets;

pub(crate) use inputs::Inputs;
pub(crate) use run::run;
