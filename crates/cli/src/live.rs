//! Live lines: the last ones on the terminal that stderr is connected to, below everything else that is written
//! to it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

/// The live lines that are on the terminal. The process has one stderr, and so one of these.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The characters of a line.
    pub columns: usize,
    /// The lines.
    pub rows: usize,
}

impl Size {
    /// That of a terminal that does not report it.
    const DEFAULT: Self = Self {
        columns: 80,
        rows: 24,
    };

    /// How many lines fit above the cursor, which has a line of its own below.
    pub fn lines(self) -> usize {
        self.rows.saturating_sub(1).max(1)
    }

    /// The size of the terminal that stderr is connected to.
    pub(crate) fn of_stderr() -> Self {
        match rustix::termios::tcgetwinsize(rustix::stdio::stderr()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Self {
                columns: size.ws_col.into(),
                rows: size.ws_row.into(),
            },
            _ => Self::DEFAULT,
        }
    }
}

/// Writes text to stderr, above the live lines. If there are any, it has to consist of whole lines.
pub(crate) fn write_above(text: &str) {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.is_empty() {
        write(text);
    } else {
        write(&replace(&lines, text, &lines, Size::of_stderr().columns));
    }
}

/// Replaces the live lines: those that do not fit on the terminal are cut, and the first ones are left out.
pub(crate) fn show(lines: &[String]) {
    let size = Size::of_stderr();
    let fitting = fit(lines, size);
    let mut shown = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    if !(shown.is_empty() && fitting.is_empty()) {
        write(&replace(&shown, "", &fitting, size.columns));
        *shown = fitting;
    }
}

/// A failed write is ignored: if stderr is closed, there is nowhere to report it.
fn write(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// The last lines that fit on a terminal.
fn fit(lines: &[String], size: Size) -> Vec<String> {
    lines[lines.len().saturating_sub(size.lines())..]
        .iter()
        .map(|line| line.chars().take(size.columns).collect())
        .collect()
}

/// The output that replaces the `shown` live lines by text above, and live lines.
///
/// Lines are overwritten, and only leftover rows below are erased: terminals such as tmux copy what is erased from
/// the first row on into their scrollback, each time.
fn replace(shown: &[String], above: &str, live: &[String], columns: usize) -> String {
    let mut text = String::new();
    let old: usize = shown.iter().map(|line| rows(line, columns)).sum();
    if old > 0 {
        // Up, and to the left (ECMA-48: CUU, CR).
        text = format!("\x1b[{old}A\r");
    }
    let mut written = 0;
    for line in above.lines().chain(live.iter().map(String::as_str)) {
        // Erase to the end of the row (EL) before the line, and after it unless it fills the row, since the cursor
        // is then on its last character.
        text.extend(["\x1b[K", line]);
        if !width(line).is_multiple_of(columns) {
            text.push_str("\x1b[K");
        }
        text.push('\n');
        written += rows(line, columns);
    }
    let left = old.saturating_sub(written);
    if left > 0 {
        text.push_str(&"\x1b[K\n".repeat(left));
        write!(text, "\x1b[{left}A").expect("writing to a String cannot fail");
    }
    text
}

/// The rows that a line takes up: several on a terminal that became narrower and has wrapped it.
fn rows(line: &str, columns: usize) -> usize {
    width(line).div_ceil(columns).max(1)
}

/// The characters of a line, without the control sequences of colors (ECMA-48: CSI).
fn width(line: &str) -> usize {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default().chars().count();
    let others = parts.map(|part| {
        let mut visible = part.chars();
        let _ = visible.find(|character| matches!(character, '@'..='~'));
        visible.count()
    });
    first + others.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of a terminal that live lines use. Rows that scroll off the top go to the scrollback.
    struct Terminal {
        width: usize,
        height: usize,
        rows: Vec<String>,
        at: (usize, usize),
        scrollback: Vec<String>,
    }

    impl Terminal {
        fn new(width: usize, height: usize) -> Self {
            let rows = vec![String::new(); height];
            Self {
                width,
                height,
                rows,
                at: (0, 0),
                scrollback: Vec::new(),
            }
        }

        fn down(&mut self) {
            self.at = (self.at.0 + 1, 0);
            if self.at.0 == self.height {
                self.at.0 -= 1;
                self.scrollback.push(self.rows.remove(0));
                self.rows.push(String::new());
            }
        }

        fn write(&mut self, text: &str) {
            let mut rest = text.chars();
            while let Some(c) = rest.next() {
                match c {
                    '\n' => self.down(),
                    '\r' => self.at.1 = 0,
                    '\x1b' => {
                        assert_eq!(rest.next(), Some('['));
                        let mut number = String::new();
                        let command = loop {
                            match rest.next().unwrap() {
                                digit @ '0'..='9' => number.push(digit),
                                command => break command,
                            }
                        };
                        match command {
                            'A' => self.at.0 = self.at.0.saturating_sub(number.parse().unwrap()),
                            'K' => {
                                let kept = self.at.1.min(self.width - 1);
                                let row = &mut self.rows[self.at.0];
                                *row = row.chars().take(kept).collect();
                            }
                            other => panic!("unknown sequence {other}"),
                        }
                    }
                    c => {
                        if self.at.1 == self.width {
                            self.down();
                        }
                        let row = &mut self.rows[self.at.0];
                        let mut all: Vec<_> = row.chars().collect();
                        match all.get_mut(self.at.1) {
                            Some(old) => *old = c,
                            None => all.push(c),
                        }
                        *row = all.into_iter().collect();
                        self.at.1 += 1;
                    }
                }
            }
        }

        /// Everything, without the empty rows at the end.
        fn text(&self) -> Vec<String> {
            let mut all = [&self.scrollback[..], &self.rows[..]].concat();
            while all.last().is_some_and(String::is_empty) {
                all.pop();
            }
            all
        }
    }

    #[test]
    fn lines_as_high_as_the_terminal_are_never_written_twice() {
        let size = Size {
            columns: 20,
            rows: 6,
        };
        let mut terminal = Terminal::new(size.columns, size.rows);
        let mut shown = Vec::new();
        let mut above = Vec::new();
        for step in 0..50 {
            // They grow beyond the terminal, and shrink again.
            let count = if step < 25 { step } else { 50 - step };
            let lines: Vec<_> = (0..count)
                .map(|line| format!("web-{line} {step}"))
                .collect();
            let lines = fit(&lines, size);
            let texts: &[String] = match step % 3 {
                0 => &[format!("event {step}"), format!("more of {step}")],
                _ => &[],
            };
            terminal.write(&replace(&shown, &texts.join("\n"), &lines, size.columns));
            shown = lines;
            above.extend_from_slice(texts);
            assert_eq!(
                terminal.text(),
                [&above[..], &shown[..]].concat(),
                "step {step}"
            );
        }
        terminal.write(&replace(&shown, "", &[], size.columns));
        assert_eq!(terminal.text(), above);
    }

    #[test]
    fn the_last_lines_are_shown_if_not_all_fit() {
        let lines = ["one", "two", "three"].map(str::to_owned);
        let size = |columns, rows| Size { columns, rows };
        assert_eq!(fit(&lines, size(80, 4)), lines);
        assert_eq!(fit(&lines, size(4, 3)), ["two", "thre"]);
        assert_eq!(fit(&lines, size(4, 1)), ["thre"]);
    }

    #[test]
    fn lines_that_a_narrower_terminal_wraps_take_more_rows() {
        let line = "x".repeat(70);
        for (columns, expected) in [(80, 1), (70, 1), (69, 2), (35, 2), (34, 3)] {
            assert_eq!(rows(&line, columns), expected, "{columns}");
        }
        assert_eq!(rows("", 80), 1);
    }

    #[test]
    fn colors_have_no_width() {
        assert_eq!(width("plain"), 5);
        assert_eq!(width("\x1b[1m\x1b[38;5;9merror\x1b[0m: é"), 8);
    }
}
