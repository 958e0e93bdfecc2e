//! Faults that are injected on purpose: their syntax (`spec`), their effect on a request (`inject`), and
//! the load that they put on the process (`load`).

mod inject;
mod load;
mod spec;

pub(crate) use inject::Action;
pub(crate) use load::Load;
pub use spec::{FaultError, Faults, Latency};
