//! One file for each command; this is the edge, where clock, environment and streams are.

mod classify;
mod down;
mod edge;
mod images;
mod logs;
mod node;
mod node_logs;
mod ps;
mod run;
mod screen;
mod table;
mod up;

pub use run::main;
