//! Owns stdout and stderr: data goes to the one, everything about the work to the other.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

/// How the work in hand is told on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// `Tty` where stderr is a terminal that can move its cursor, else `Plain`.
    #[default]
    Auto,
    /// Lines, and one live line at the bottom.
    Tty,
    /// A line at the start and the end of each step.
    Plain,
    /// One JSON object a line.
    Json,
    /// Warnings and errors alone.
    Quiet,
}

/// The two streams of a program.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    progress: Progress,
}

impl Printer {
    /// A printer for this process. `dumb` says that `TERM` is `dumb` or unset.
    pub fn new(progress: Progress, dumb: bool) -> Self {
        let live = io::stderr().is_terminal() && !dumb;
        let progress = match progress {
            Progress::Auto if live => Progress::Tty,
            Progress::Auto => Progress::Plain,
            chosen => chosen,
        };
        Self { progress }
    }

    /// How progress is told, with `Auto` decided.
    pub fn progress(self) -> Progress {
        self.progress
    }

    /// Writes a line of data to stdout.
    ///
    /// # Errors
    /// As the stream's, except that a reader who left (`| head -1`) is success: the data was not
    /// wanted any more.
    pub fn data(self, line: &str) -> io::Result<()> {
        self.data_raw(format!("{line}\n").as_bytes())
    }

    /// Writes bytes to stdout as they are.
    ///
    /// # Errors
    /// As [`Printer::data`].
    #[allow(
        clippy::unused_self,
        reason = "whoever holds the printer owns the stream"
    )]
    pub fn data_raw(self, bytes: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }

    /// Tells of a step or a result on stderr, unless quiet.
    pub fn status(self, line: &str) {
        match self.progress {
            Progress::Quiet => {}
            Progress::Json => self.write_err(&json_line("status", line)),
            Progress::Auto | Progress::Tty | Progress::Plain => {
                self.write_err(&format!("{line}\n"));
            }
        }
    }

    /// Shows `line` at the bottom until anything else is said. Only on a terminal, where it should
    /// be shorter than a line.
    pub fn live(self, line: &str) {
        if self.progress == Progress::Tty {
            self.write_err(line);
        }
    }

    /// Warns on stderr, always.
    pub fn warn(self, line: &str) {
        match self.progress {
            Progress::Json => self.write_err(&json_line("warning", line)),
            _ => self.write_err(&format!("warning: {line}\n")),
        }
    }

    /// Prints a rendered error on stderr, always.
    pub(crate) fn error(self, text: &str) {
        self.write_err(text);
    }

    /// A stderr that is gone leaves nobody to tell, so a failure to write there is ignored.
    fn write_err(self, text: &str) {
        let mut stderr = io::stderr().lock();
        if self.progress == Progress::Tty {
            // What was live is over: to the left, and the line away (ECMA-48: CR, EL).
            let _ = stderr.write_all(b"\r\x1b[K");
        }
        let _ = stderr.write_all(text.as_bytes());
    }
}

/// `{"level":…,"message":…}` and a newline, escaped as RFC 8259 section 7 asks.
fn json_line(level: &str, message: &str) -> String {
    let mut text = format!("{{\"level\":\"{level}\",\"message\":\"");
    for character in message.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            c if u32::from(c) < 0x20 => {
                write!(text, "\\u{:04x}", u32::from(c)).expect("a String takes every write");
            }
            c => text.push(c),
        }
    }
    text.push_str("\"}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_lines_escape_what_json_needs() {
        assert_eq!(
            json_line("status", "say \"hi\" \\ \n\u{1}"),
            "{\"level\":\"status\",\"message\":\"say \\\"hi\\\" \\\\ \\n\\u0001\"}\n"
        );
    }
}
