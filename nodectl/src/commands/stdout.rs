//! The data of commands, on standard output.

use cli::Printer;

use super::error::{CommandError, Result};

/// Writes a line of data. A closed pipe counts as success, as in [`Printer::data`].
pub(super) fn data(printer: Printer, line: &str) -> Result<()> {
    printer.data(line).map_err(CommandError::Stdout)
}
