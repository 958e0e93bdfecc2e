//! The service's process: hands over to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    app::main()
}
