//! The display of `up` while it runs: a live table on a terminal, lines elsewhere.

use std::fmt::Write as _;
use std::io::Write as _;

use cli::{Printer, Progress};

use super::process::now_ms;
use super::table::{age, table_of_pods};
use crate::play::{Event, PodRow};

/// The display of `up`, on stderr.
pub(super) struct Screen {
    printer: Printer,
    /// The widths of the lines that are now on the terminal, in characters.
    drawn: Vec<usize>,
    rows: Vec<PodRow>,
    url: Option<String>,
}

impl Screen {
    pub(super) fn new(printer: Printer) -> Self {
        Self {
            printer,
            drawn: Vec::new(),
            rows: Vec::new(),
            url: None,
        }
    }

    /// Shows an event, above the table.
    pub(super) fn event(&mut self, event: &Event) {
        self.line(&event.to_string());
    }

    /// Prints a line, above the table.
    pub(super) fn line(&mut self, line: &str) {
        if self.live() {
            self.draw(Some(line));
        } else {
            self.printer.status(line);
        }
    }

    /// Sets the URLs of the Services, which are printed again below the table.
    pub(super) fn set_url(&mut self, url: String) {
        self.url = Some(url);
    }

    /// Shows the pods as they are now.
    pub(super) fn update(&mut self, rows: Vec<PodRow>) {
        self.rows = rows;
        if self.live() {
            self.draw(None);
        }
    }

    /// Removes the table, so that later output follows the events.
    pub(super) fn finish(&mut self) {
        self.rows.clear();
        if self.live() {
            self.draw(None);
        }
    }

    fn live(&self) -> bool {
        self.printer.progress() == Progress::Tty
    }

    /// Replaces the drawn table by `above`, if given, and the current table.
    fn draw(&mut self, above: Option<&str>) {
        let size = terminal_size();
        let mut lines = Vec::new();
        if !self.rows.is_empty() {
            let rows: Vec<_> = self.rows.iter().map(row).collect();
            lines.push(String::new());
            let header = [
                "NAMESPACE",
                "POD",
                "READY",
                "STATUS",
                "RESTARTS",
                "AGE",
                "IP",
            ];
            lines.extend(table_of_pods(&header, &rows));
            lines.extend(self.url.clone());
            lines = fit(lines, size);
        }
        Self::write(&replace(&self.drawn, above, &lines, size.0));
        self.drawn = lines.iter().map(|line| line.chars().count()).collect();
    }

    fn write(text: &str) {
        // The terminal may be gone, and the error with it.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

fn row(row: &PodRow) -> Vec<String> {
    let ready = row
        .status
        .containers
        .iter()
        .filter(|container| container.ready)
        .count();
    let age_secs = (now_ms() - row.record.created_ms) / 1000;
    vec![
        row.record.namespace.clone(),
        row.record.name.clone(),
        format!("{ready}/{}", row.status.containers.len()),
        row.status.summary(),
        row.status.restarts().to_string(),
        age(age_secs),
        row.record.address.to_string(),
    ]
}

/// The output that replaces the `drawn` table, whose lines have these widths, by a line above and a table.
///
/// Lines are overwritten, and only leftover rows below are erased: terminals such as tmux copy what is
/// erased from the first row on into their scrollback, each time.
fn replace(drawn: &[usize], above: Option<&str>, lines: &[String], width: usize) -> String {
    let mut text = String::new();
    let old = rows_of(drawn, width);
    if old > 0 {
        // Up, and to the left (ECMA-48: CUU, CR).
        text = format!("\x1b[{old}A\r");
    }
    let new = above.into_iter().chain(lines.iter().map(String::as_str));
    let mut written = 0;
    for line in new {
        let length = line.chars().count();
        // Erase to the end of the row (EL) before the line, and after it unless it fills the row, since
        // the cursor is then on its last character.
        text.extend(["\x1b[K", line]);
        if length % width != 0 {
            text.push_str("\x1b[K");
        }
        text.push('\n');
        written += rows_of(&[length], width);
    }
    let left = old.saturating_sub(written);
    if left > 0 {
        text.push_str(&"\x1b[K\n".repeat(left));
        let _ = write!(text, "\x1b[{left}A");
    }
    text
}

/// The terminal's columns and rows; 80 by 24 if unknown.
fn terminal_size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    let known = size.ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    known.map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()))
}

/// The lines that fit on a terminal, cut to its width: rows that have scrolled off cannot be erased.
/// The blank line, the header and the last line stay.
fn fit(mut lines: Vec<String>, (width, height): (usize, usize)) -> Vec<String> {
    // The cursor is on a line of its own below.
    let room = height.saturating_sub(1).max(1);
    if lines.len() > room {
        let last = lines.pop();
        let kept = room.saturating_sub(2).max(1).min(lines.len());
        let hidden = lines.len() - kept;
        lines.truncate(kept);
        if room > 2 {
            lines.push(format!("… {hidden} more: `nodectl ps` lists all"));
            lines.extend(last);
        }
    }
    for line in &mut lines {
        *line = line.chars().take(width).collect();
    }
    lines
}

/// The rows that lines take up on a terminal of `width` columns, which may have shrunk since they were
/// written, so that they wrap.
fn rows_of(lines: &[usize], width: usize) -> usize {
    lines.iter().map(|line| line.div_ceil(width).max(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_on_the_terminal() {
        let table = |pods: usize| -> Vec<String> {
            let pods = (0..pods).map(|pod| format!("web-{pod}"));
            let head = ["", "POD"].map(str::to_owned).into_iter();
            head.chain(pods)
                .chain(["http://localhost/".to_owned()])
                .collect()
        };
        assert_eq!(fit(table(3), (80, 24)), table(3));
        for pods in 0..30 {
            for height in 1..30 {
                let lines = fit(table(pods), (6, height));
                assert!(
                    lines.len() < height.max(2),
                    "{pods} pods in {height} rows: {lines:?}"
                );
                assert!(lines.iter().all(|line| line.chars().count() <= 6));
            }
        }
        let lines = fit(table(30), (80, 8));
        assert_eq!(lines[1..4], ["POD", "web-0", "web-1"]);
        assert_eq!(
            lines[5..],
            ["… 27 more: `nodectl ps` lists all", "http://localhost/"]
        );
    }

    /// The part of a terminal that the table uses. Rows that scroll off the top, or are erased from the
    /// first row on, go to the scrollback.
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
                            'J' => {
                                if self.at == (0, 0) {
                                    self.scrollback.append(&mut self.rows.clone());
                                }
                                let row = &mut self.rows[self.at.0];
                                *row = row.chars().take(self.at.1).collect();
                                self.rows[self.at.0 + 1..].fill(String::new());
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
    fn a_table_as_high_as_the_terminal_is_never_written_twice() {
        let size = (20, 6);
        let mut terminal = Terminal::new(size.0, size.1);
        let mut drawn = Vec::new();
        let mut events = Vec::new();
        for step in 0..50 {
            // It grows beyond the terminal, and shrinks again.
            let pods = if step < 25 { step } else { 50 - step };
            let table = ["", "POD"].map(str::to_owned).into_iter();
            let table = table.chain((0..pods).map(|pod| format!("web-{pod} {step}")));
            let lines = fit(table.collect(), size);
            let event = (step % 3 == 0).then(|| format!("event {step}"));
            terminal.write(&replace(&drawn, event.as_deref(), &lines, size.0));
            drawn = lines.iter().map(|line| line.chars().count()).collect();
            events.extend(event);
            assert_eq!(
                terminal.text(),
                [&events[..], &lines[..]].concat(),
                "step {step}"
            );
        }
        terminal.write(&replace(&drawn, None, &[], size.0));
        assert_eq!(terminal.text(), events);
    }

    #[test]
    fn lines_on_a_terminal_that_shrank_take_more_rows() {
        assert_eq!(rows_of(&[0, 80, 40], 80), 3);
        assert_eq!(rows_of(&[0, 80, 40], 40), 4);
        assert_eq!(rows_of(&[0, 80, 40], 39), 6);
    }
}
