//! An in-process registry that behaves like a real one, and misbehaves on demand.
//!
//! For tests only: std, one thread for each connection, everything in memory. It is not an example of
//! how to write a server.

mod auth;
mod blobs;
mod gate;
mod handle;
mod http;
mod manifests;
mod profile;
mod rates;
mod server;
mod state;

pub use profile::Profile;
pub use server::TestRegistry;
pub use state::{Action, Auth, Behaviour, Fault, Limits, Seen};
