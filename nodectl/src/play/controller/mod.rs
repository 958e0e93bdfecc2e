//! The Deployment controller: compares the state that the pods' workers report with the desired state.
//!
//! `run.rs` is its loop, and `reconcile.rs` one round of it; `publish.rs` updates the load balancer's endpoints.
//! The pods to create and to stop are determined by a pure function, in `play/plan.rs`. What happens in a pod is
//! its worker's task (`play/worker/`).

mod adopt;
mod entry;
mod publish;
mod reconcile;
mod row;
mod run;
mod state;
mod stop;

pub use row::PodRow;
pub use state::Controller;
pub use stop::Stop;
