//! What every command is given.

use cli::Printer;

use crate::environment::Environment;

/// What a command is given.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) printer: Printer,
    pub(super) environment: Environment,
}
