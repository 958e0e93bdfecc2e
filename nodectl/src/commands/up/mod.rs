//! `nodectl up`: checks everything that can be checked before it changes anything, runs the pods in the foreground
//! until a signal, and removes them.
//!
//! `run.rs` is the command, `plan.rs` what it determines first, and `serve.rs` shows the pods and forwards
//! connections to them while they run. Running them is the controller's task (`play/`).

mod plan;
mod published;
mod run;
mod serve;
mod session;

pub(super) use run::up;
