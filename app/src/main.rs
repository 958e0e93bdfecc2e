//! The service's process, which calls the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    app::main()
}
