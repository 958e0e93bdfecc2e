//! Writes to stdout and stderr: data to the one, progress, warnings and errors to the other.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::ops::ControlFlow;

use crate::live::{self, Size};

/// How progress is shown on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// `tty` if stderr is a terminal that can move its cursor, else `plain`.
    #[default]
    Auto,
    /// Lines, and live ones below.
    Tty,
    /// A line at the start and the end of each step.
    Plain,
    /// One JSON object a line.
    Json,
    /// Only warnings and errors.
    Quiet,
}

/// The two streams of a program.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    progress: Progress,
}

impl Printer {
    /// A printer for this process. `dumb`: `TERM` is `dumb` or unset.
    pub fn new(progress: Progress, dumb: bool) -> Self {
        let live = io::stderr().is_terminal() && !dumb;
        let progress = match progress {
            Progress::Auto if live => Progress::Tty,
            Progress::Auto => Progress::Plain,
            chosen => chosen,
        };
        Self { progress }
    }

    /// How progress is shown, with `Auto` decided.
    pub fn progress(self) -> Progress {
        self.progress
    }

    /// Writes a line of data to stdout.
    ///
    /// # Errors
    /// Those of the stream, except that a closed pipe (`| head -1`) counts as success: its reader needs no
    /// more.
    pub fn data(self, line: &str) -> io::Result<()> {
        self.data_raw(format!("{line}\n").as_bytes())
    }

    /// Writes bytes to stdout as they are.
    ///
    /// # Errors
    /// As [`Printer::data`].
    pub fn data_raw(self, bytes: &[u8]) -> io::Result<()> {
        self.data_while_read(bytes).map(|_| ())
    }

    /// As [`Printer::data_raw`], for output without an end: breaks once the pipe is closed.
    ///
    /// # Errors
    /// As [`Printer::data`].
    #[allow(
        clippy::unused_self,
        reason = "only the holder of a printer writes to the stream"
    )]
    pub fn data_while_read(self, bytes: &[u8]) -> io::Result<ControlFlow<()>> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(error),
        }
    }

    /// Writes a step or a result to stderr, unless quiet.
    pub fn status(self, line: &str) {
        match self.progress {
            Progress::Quiet => {}
            Progress::Json => self.write_err(&json_line("status", line)),
            Progress::Auto | Progress::Tty | Progress::Plain => {
                self.write_err(&format!("{line}\n"));
            }
        }
    }

    /// The size of the terminal.
    #[allow(
        clippy::unused_self,
        reason = "only the holder of a printer writes to the stream"
    )]
    pub fn size(self) -> Size {
        Size::of_stderr()
    }

    /// Shows `lines` below all other output until they are replaced, on a terminal only. Each is cut to its width; if
    /// there are more than fit its height, only the last ones are shown.
    pub fn live(self, lines: &[String]) {
        if self.progress == Progress::Tty {
            live::show(lines);
        }
    }

    /// Writes a step that is under way, with its figures: an object with `fields` for
    /// [`Progress::Json`], else as [`Printer::status`].
    pub fn progress_line(self, line: &str, fields: &[(&str, u64)]) {
        if self.progress == Progress::Json {
            let mut text = json_line("progress", line);
            text.truncate(text.len() - "}\n".len());
            for (name, value) in fields {
                write!(text, ",\"{name}\":{value}").expect("writing to a String cannot fail");
            }
            self.write_err(&(text + "}\n"));
        } else {
            self.status(line);
        }
    }

    /// Writes a warning to stderr, always.
    pub fn warn(self, line: &str) {
        match self.progress {
            Progress::Json => self.write_err(&json_line("warning", line)),
            _ => self.write_err(&format!("warning: {line}\n")),
        }
    }

    /// Writes a line of another program's diagnostics to stderr, always.
    pub fn diagnostic(self, line: &str) {
        match self.progress {
            Progress::Json => self.write_err(&json_line("diagnostic", line)),
            _ => self.write_err(&format!("{line}\n")),
        }
    }

    /// Writes a rendered error to stderr, always.
    pub(crate) fn error(self, text: &str) {
        match self.progress {
            Progress::Json => self.write_err(&json_line("error", text.trim_end())),
            _ => self.write_err(text),
        }
    }

    #[allow(
        clippy::unused_self,
        reason = "only the holder of a printer writes to the stream"
    )]
    fn write_err(self, text: &str) {
        live::write_above(text);
    }
}

/// `{"level":…,"message":…}` and a newline, escaped as RFC 8259 section 7 requires.
fn json_line(level: &str, message: &str) -> String {
    let mut text = format!("{{\"level\":\"{level}\",\"message\":\"");
    for character in message.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            c if u32::from(c) < 0x20 => {
                write!(text, "\\u{:04x}", u32::from(c)).expect("writing to a String cannot fail");
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
