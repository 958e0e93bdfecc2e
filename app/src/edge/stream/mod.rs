//! The socket under actix-http: reports to [`Conn`](super::conn::Conn), and closes for the reason found there.
//!
//! It finds no connection overdue: that is the [`watch`](super::watch)'s. [`EdgeStream`] is in
//! `edge_stream.rs`, and what the runtime polls in `reading.rs` and `writing.rs`.

mod closing;
mod edge_stream;
mod reading;
#[cfg(test)]
mod tests;
mod writing;

pub(crate) use edge_stream::EdgeStream;
