//! Programs that a test writes.
//!
//! Running a file fails with ETXTBSY while any process has it open for writing. A child that another thread
//! of the test forks has inherited the descriptor, and closes it only when it executes its own program. So
//! another process writes these files.

use std::path::Path;
use std::process::Command;

/// Writes a script or replaces it, and makes it executable.
///
/// # Panics
/// When it cannot be written.
#[track_caller]
pub fn write_script(path: &Path, text: &str) {
    let write = r#"printf %s "$1" >"$0" && chmod 755 "$0""#;
    succeed(Command::new("sh").args(["-c", write]).arg(path).arg(text));
}

/// Copies a program with its permissions, also over a file that has others.
///
/// # Panics
/// When it cannot be copied.
#[track_caller]
pub fn copy(from: &Path, to: &Path) {
    let options = ["--preserve=mode", "--"];
    succeed(Command::new("cp").args(options).arg(from).arg(to));
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().expect("a shell and cp are installed");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Read as _;
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn what_was_written_or_copied_can_be_executed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (script, copied) = (folder.path().join("it's"), folder.path().join("copied"));
        write_script(&script, "#!/bin/sh\nprintf '%s 100%%' \"$0\"\n");
        fs::write(&copied, "").expect("the folder takes a file");
        copy(&script, &copied);
        for program in [script, copied] {
            let output = Command::new(&program).output().expect("it can be run");
            let stdout = String::from_utf8(output.stdout).expect("it prints UTF-8");
            assert_eq!(stdout, format!("{} 100%", program.display()));
        }
    }

    #[test]
    fn this_process_does_not_open_the_file_for_writing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (pipe, file) = (folder.path().join("pipe"), folder.path().join("file"));
        succeed(Command::new("mkfifo").arg(&pipe));
        // More than a pipe holds: whoever writes it has it open until it is read.
        let text = "x".repeat(100_000);
        fs::write(&file, &text).expect("the folder takes a file");
        let check = |write: &(dyn Fn() + Sync)| {
            thread::scope(|scope| {
                let writer = scope.spawn(write);
                let mut reader = File::open(&pipe).expect("the pipe can be read");
                let open = fs::read_dir("/proc/self/fd").expect("Linux");
                let targets = open.flatten().map(|entry| fs::read_link(entry.path()));
                let count = targets.filter(|target| target.as_ref().is_ok_and(|it| *it == pipe));
                let count = count.count();
                let mut written = String::new();
                reader.read_to_string(&mut written).expect("it is UTF-8");
                writer.join().expect("it is written");
                assert!(written == text);
                assert_eq!(count, 1, "that of the reader");
            });
        };
        check(&|| write_script(&pipe, &text));
        check(&|| copy(&file, &pipe));
    }
}
