//! The start of what a probe's command prints. It reads everything, so that the command never blocks, and
//! keeps little.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::net::unix::pipe::{OpenOptions, Receiver};

/// The most that is kept: a line or two for a person.
const KEPT_BYTES: usize = 1 << 10;

/// The longest line that is shown, in characters.
const LINE_CHARS: usize = 200;

/// The FIFO that a command prints to, removed when dropped.
pub(super) struct Output {
    path: PathBuf,
    receiver: Receiver,
    kept: Vec<u8>,
}

impl Output {
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        // For writing too: without a writer, it would be at its end before the command starts.
        match OpenOptions::new().read_write(true).open_receiver(&path) {
            Ok(receiver) => Ok(Self {
                path,
                receiver,
                kept: Vec::new(),
            }),
            Err(error) => {
                let _ = fs::remove_file(path);
                Err(error)
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads until `done`, and then what is left; returns its result.
    pub(super) async fn read_during<T>(&mut self, done: impl Future<Output = T>) -> T {
        let mut done = pin!(done);
        loop {
            tokio::select! {
                result = &mut done => {
                    while self.read() {}
                    return result;
                }
                Ok(()) = self.receiver.readable() => {
                    self.read();
                }
            }
        }
    }

    /// Whether it has read anything.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let Ok(bytes) = self.receiver.try_read(&mut buffer) else {
            return false;
        };
        let room = KEPT_BYTES - self.kept.len();
        self.kept.extend_from_slice(&buffer[..bytes.min(room)]);
        bytes > 0
    }

    /// The first line that is not empty, without control characters.
    pub(super) fn first_line(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.kept);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        let plain = line.chars().map(|c| if c.is_control() { ' ' } else { c });
        Some(plain.take(LINE_CHARS).collect())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn everything_is_read_and_the_first_line_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut output = Output::create(dir.path().join("fifo")).unwrap();
        let path = output.path().to_owned();
        let write = tokio::task::spawn_blocking(move || {
            let mut fifo = fs::OpenOptions::new().write(true).open(path).unwrap();
            let text = format!("\n  no\tsuch \u{1b}[1mtable\n{}", "x".repeat(1 << 20));
            fifo.write_all(text.as_bytes()).unwrap();
        });
        output.read_during(write).await.unwrap();
        assert_eq!(output.first_line().unwrap(), "no such  [1mtable");
        assert_eq!(output.kept.len(), KEPT_BYTES);
        drop(output);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
