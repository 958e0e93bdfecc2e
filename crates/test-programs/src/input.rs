//! Input for a program that a test runs.

use std::io::{ErrorKind, Write as _};
use std::process::{Command, Output, Stdio};

/// Runs a command to completion with a text on its standard input, which it need not read: one that refuses
/// its arguments has exited before.
///
/// # Panics
/// When it cannot be run.
pub fn output_with_input(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", command.get_program().display()));
    let mut stdin = child.stdin.take().expect("stdin is piped");
    match stdin.write_all(input.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            panic!(
                "{} reads its input: {error}",
                command.get_program().display()
            )
        }
        _ => {}
    }
    drop(stdin);
    child.wait_with_output().expect("a child can be waited for")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::output_with_input;

    #[test]
    fn a_program_need_not_read_its_input() {
        // More than a pipe holds.
        let input = "x".repeat(1 << 20);
        let output = output_with_input(
            Command::new("sh").args(["-c", "echo no >&2; exit 2"]),
            &input,
        );
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(output.stderr, b"no\n");
    }
}
