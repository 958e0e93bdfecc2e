//! Faults that are injected on purpose: how they are written (`spec`), what they do to a request
//! (`inject`), and the load that they put on the process (`load`).

mod inject;
mod load;
mod spec;

pub(crate) use inject::Action;
pub(crate) use load::Load;
pub use spec::{FaultError, Faults, Latency};
