//! The context of all commands.

use cli::Printer;

use crate::environment::Environment;

/// The context of a command.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) printer: Printer,
    pub(super) environment: Environment,
}
