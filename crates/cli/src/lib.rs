//! What the command-line programs share: the parsed command line with version, completions and man
//! pages, exit codes, the one place where an error is printed, progress and data streams, the
//! manifests that a command line names, and files that are written whole or not at all.
//!
//! It knows nothing of images, registries or containers, and does not read the environment: each program
//! passes in what is needed.

mod bytes;
mod chain;
mod exit;
pub mod input;
mod live;
mod parse;
mod printable;
mod printer;
mod redact;
mod replace;
mod report;

pub use bytes::Bytes;
pub use chain::{chain, one_line};
pub use exit::Exit;
pub use live::Size;
pub use parse::{parse, version};
pub use printable::printable;
pub use printer::{Printer, Progress};
pub use replace::{check_replaceable, replace_file};
pub use report::{ExitError, Verdict, finish};
