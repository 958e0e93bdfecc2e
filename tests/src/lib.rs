//! What the end-to-end tests share. Each test file names the real things it needs, and fails where
//! one of them is missing.

mod programs;

pub use programs::program;
