//! What tests need to run programs: files that can be executed at once, input, and ports.

mod files;
mod input;
mod ports;

pub use files::{copy, write_script};
pub use input::output_with_input;
pub use ports::free_port;
