//! What `up` shows while it runs: a table that changes on a terminal, lines elsewhere.

use std::io::Write as _;

use cli::{Printer, Progress};

use super::edge::now_ms;
use super::table::{age, table};
use crate::play::{Event, PodRow};

/// The display of `up`, on stderr.
pub(super) struct Screen {
    printer: Printer,
    /// Lines of the table that are on the terminal now.
    drawn: usize,
    rows: Vec<PodRow>,
    url: Option<String>,
}

impl Screen {
    pub(super) fn new(printer: Printer) -> Self {
        Self {
            printer,
            drawn: 0,
            rows: Vec::new(),
            url: None,
        }
    }

    /// Tells of an event, above the table.
    pub(super) fn event(&mut self, event: &Event) {
        self.line(&event.to_string());
    }

    /// Prints a line, above the table.
    pub(super) fn line(&mut self, line: &str) {
        self.erase();
        self.printer.status(line);
        self.draw();
    }

    /// Where the Services can be reached; printed once more under the table.
    pub(super) fn set_url(&mut self, url: String) {
        self.url = Some(url);
    }

    /// Shows the pods as they are now.
    pub(super) fn update(&mut self, rows: Vec<PodRow>) {
        self.rows = rows;
        self.erase();
        self.draw();
    }

    /// Takes the table away, so that what follows is printed under the events.
    pub(super) fn finish(&mut self) {
        self.erase();
        self.rows.clear();
    }

    fn live(&self) -> bool {
        self.printer.progress() == Progress::Tty
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            // Up, to the left, and everything below away (ECMA-48: CUU, CR, ED).
            Self::write(&format!("\x1b[{}A\r\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }

    fn draw(&mut self) {
        if !self.live() || self.rows.is_empty() {
            return;
        }
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        let mut lines = vec![String::new()];
        lines.extend(table(
            &["POD", "READY", "STATUS", "RESTARTS", "AGE", "IP"],
            &rows,
        ));
        lines.extend(self.url.clone());
        // A line that wraps would be two to go up by.
        let width = terminal_width();
        let text: String = lines
            .iter()
            .map(|line| line.chars().take(width).collect::<String>() + "\n")
            .collect();
        self.drawn = lines.len();
        Self::write(&text);
    }

    fn write(text: &str) {
        // A terminal that is gone has nobody to tell.
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
        row.record.name.clone(),
        format!("{ready}/{}", row.status.containers.len()),
        row.status.summary(),
        row.status.restarts().to_string(),
        age(age_secs),
        row.record.address.to_string(),
    ]
}

/// The terminal's width in columns; 80 where it does not say.
fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    size.map_or(80, |size| usize::from(size.ws_col)).max(1)
}
