//! Writes to stdout and stderr: data to the one, progress, warnings and errors to the other.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

/// The widths of the live lines at the bottom. The process has one stderr, and so one of these.
static LIVE_WIDTHS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// The size of a terminal that does not report it.
const DEFAULT_SIZE: Size = Size {
    columns: 80,
    rows: 24,
};

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    columns: usize,
    rows: usize,
}

/// How progress is shown on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// `tty` if stderr is a terminal that can move its cursor, else `plain`.
    #[default]
    Auto,
    /// Lines, and live progress at the bottom.
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

    /// How many characters a line of the terminal has.
    #[allow(
        clippy::unused_self,
        reason = "only the holder of a printer writes to the stream"
    )]
    pub fn columns(self) -> usize {
        size().columns
    }

    /// Shows `lines` at the bottom until the next output, on a terminal only. Each is cut to its width; if
    /// there are more than fit its height, only the last ones are shown.
    pub fn live(self, lines: &[String]) {
        if self.progress != Progress::Tty {
            return;
        }
        let size = size();
        let shown = &lines[lines.len().saturating_sub(size.rows)..];
        let cut = |line: &String| line.chars().take(size.columns).collect::<String>();
        let shown: Vec<_> = shown.iter().map(cut).collect();
        let widths = shown.iter().map(|line| line.chars().count()).collect();
        write_live(&shown.join("\r\n"), widths);
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
        write_live(text, Vec::new());
    }
}

/// Replaces the live lines with `text`, whose last lines are live and have these widths.
///
/// A failed write is ignored: if stderr is closed, there is nowhere to report it.
fn write_live(text: &str, live: Vec<usize>) {
    let mut widths = LIVE_WIDTHS.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = if widths.is_empty() {
        0
    } else {
        rows(&widths, size())
    };
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all((erase(rows) + text).as_bytes());
    *widths = live;
}

/// The rows that lines of these widths take. A terminal that became narrower has wrapped them; rows that
/// have scrolled off its top cannot be erased.
fn rows(widths: &[usize], size: Size) -> usize {
    let rows: usize = widths
        .iter()
        .map(|width| width.div_ceil(size.columns).max(1))
        .sum();
    rows.min(size.rows)
}

/// Erases the last rows: cursor up to the first and to its left, then the rest of the screen (ECMA-48:
/// CUU, CR, ED).
fn erase(rows: usize) -> String {
    match rows {
        0 => String::new(),
        1 => "\r\x1b[J".to_owned(),
        rows => format!("\x1b[{}A\r\x1b[J", rows - 1),
    }
}

/// The size of the terminal that stderr is connected to.
fn size() -> Size {
    match rustix::termios::tcgetwinsize(rustix::stdio::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        },
        _ => DEFAULT_SIZE,
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
    fn live_lines_are_erased_and_nothing_else() {
        assert_eq!(erase(0), "");
        assert_eq!(erase(1), "\r\x1b[J");
        assert_eq!(erase(3), "\x1b[2A\r\x1b[J");
    }

    #[test]
    fn lines_that_a_narrower_terminal_wraps_take_more_rows() {
        let size = |columns, rows| Size { columns, rows };
        let check = |columns, expected| {
            assert_eq!(rows(&[70, 0, 35], size(columns, 24)), expected, "{columns}");
        };
        check(80, 3);
        check(70, 3);
        check(69, 4);
        check(35, 4);
        check(34, 6);
        check(1, 24);
    }

    #[test]
    fn json_lines_escape_what_json_needs() {
        assert_eq!(
            json_line("status", "say \"hi\" \\ \n\u{1}"),
            "{\"level\":\"status\",\"message\":\"say \\\"hi\\\" \\\\ \\n\\u0001\"}\n"
        );
    }
}
