//! A registry in this process that does what a real one does, and misbehaves on demand.
//!
//! For tests, of this crate and of others; std alone, one thread a connection. It keeps everything
//! in memory and is no example of how to write a server.

mod gate;
mod handle;
mod http;
mod profile;
mod server;
mod state;

pub use profile::Profile;
pub use server::TestRegistry;
pub use state::{Action, Auth, Behaviour, Fault, Seen};
