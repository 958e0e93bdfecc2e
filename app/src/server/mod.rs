//! Threads and sockets: binding ([`bind`]), running and draining ([`run()`]), the threads that serve
//! ([`worker`], [`thread`]), who accepts ([`accept`]), and the admin listener ([`admin`]).

mod accept;
mod admin;
mod bind;
mod run;
mod serve;
mod thread;
pub(crate) mod worker;

pub use bind::Bound;
pub use run::{ServeError, run};
