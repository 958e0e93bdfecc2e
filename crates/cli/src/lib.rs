//! What the command-line programs share at the terminal: exit codes, the one place an error is
//! printed, and who may write to stdout and stderr.
//!
//! It knows nothing of images, registries or containers, parses no arguments and reads no
//! environment: each program hands those in.

mod exit;
mod printer;
mod report;

pub use exit::Exit;
pub use printer::{Printer, Progress};
pub use report::{Classify, ExitError, Verdict, exit_code, finish, report};
