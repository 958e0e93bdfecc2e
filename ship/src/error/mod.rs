//! The errors of commands, with their exit codes and hints.
//!
//! [`ShipError`] is what a command returns, and the other types are its variants. Those of kubectl, manifests,
//! images and preflight are beside the code that fails.

mod node;
mod rollout;
mod rollout_test;
mod ship;
mod smoke;
#[cfg(test)]
mod tests;
mod undeploy;

pub(crate) use node::NodeError;
pub(crate) use rollout::RolloutError;
pub use rollout_test::RolloutTestError;
pub(crate) use ship::ShipError;
pub(crate) use smoke::SmokeError;
pub(crate) use undeploy::UndeployError;
