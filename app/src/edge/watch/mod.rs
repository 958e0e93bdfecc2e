//! A worker's watch over its connections: keeps a coarse clock, and closes those that stall or hold too much
//! memory.
//!
//! It closes no socket: the task of a connection does that, when it is woken and finds the reason.
//! `deadlines.rs`, `room.rs` and `budget.rs` choose the connections to close, `connections.rs` has [`Watch`]
//! itself, and `run.rs` its loop.

mod budget;
mod connections;
mod deadlines;
mod lingering;
mod room;
mod run;

pub(crate) use connections::Watch;
pub(crate) use lingering::MOST_LINGERING;
