//! Threads and sockets: binding ([`bind`]), running and draining ([`run()`]), worker threads
//! ([`thread`]) and their commands ([`message`]), accepting ([`accept`]), the life of one connection
//! ([`connection`]), the limit of file descriptors ([`descriptors`]), and the admin listener ([`admin`],
//! [`admin_stream`]).

mod accept;
mod accept_errors;
mod admin;
mod admin_stream;
mod bind;
mod connection;
mod descriptors;
mod error;
mod message;
mod run;
mod thread;

pub use bind::Bound;
pub use error::ServeError;
pub use run::run;
