//! What `up` shows while it runs: a table that changes on a terminal, lines elsewhere.

use std::io::Write as _;

use cli::{Printer, Progress};

use super::edge::now_ms;
use super::table::{age, table};
use crate::play::{Event, PodRow};

/// The display of `up`, on stderr.
pub(super) struct Screen {
    printer: Printer,
    /// The widths of the lines that are on the terminal now, in characters.
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
        if !self.drawn.is_empty() {
            let up = rows_of(&self.drawn, terminal_size().0);
            // Up, to the left, and everything below away (ECMA-48: CUU, CR, ED).
            Self::write(&format!("\x1b[{up}A\r\x1b[J"));
            self.drawn.clear();
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
        let lines = fit(lines, terminal_size());
        self.drawn = lines.iter().map(|line| line.chars().count()).collect();
        Self::write(&(lines.join("\n") + "\n"));
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

/// The terminal's columns and rows; 80 by 24 where it does not say.
fn terminal_size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    let known = size.ok().filter(|size| size.ws_col > 0 && size.ws_row > 0);
    known.map_or((80, 24), |size| (size.ws_col.into(), size.ws_row.into()))
}

/// The lines that fit on a terminal, cut to its width: what has scrolled off cannot be erased again.
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

/// The rows that lines take up on a terminal of `width` columns: it may have shrunk since they were
/// written, and then they wrap.
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

    #[test]
    fn lines_on_a_terminal_that_shrank_take_more_rows() {
        assert_eq!(rows_of(&[0, 80, 40], 80), 3);
        assert_eq!(rows_of(&[0, 80, 40], 40), 4);
        assert_eq!(rows_of(&[0, 80, 40], 39), 6);
    }
}
