//! The display of `up` while it runs: a live table on a terminal, lines elsewhere.

use cli::Printer;

use super::process::now_ms;
use super::table::{age, table_of_pods};
use crate::play::{Event, PodRow};

/// The display of `up`, on stderr.
pub(super) struct Screen {
    printer: Printer,
    url: Option<String>,
}

impl Screen {
    pub(super) fn new(printer: Printer) -> Self {
        Self { printer, url: None }
    }

    /// Shows an event, above the table.
    pub(super) fn event(&self, event: &Event) {
        self.line(&event.to_string());
    }

    /// Prints a line, above the table.
    pub(super) fn line(&self, line: &str) {
        self.printer.status(line);
    }

    /// Sets the URLs of the Services, which are printed again below the table.
    pub(super) fn set_url(&mut self, url: String) {
        self.url = Some(url);
    }

    /// Shows the pods as they are now.
    pub(super) fn update(&self, rows: &[PodRow]) {
        self.printer.live(&self.table(rows));
    }

    /// Removes the table, so that later output follows the events.
    pub(super) fn finish(&self) {
        self.printer.live(&[]);
    }

    /// The lines of the table, a blank one first.
    fn table(&self, rows: &[PodRow]) -> Vec<String> {
        if rows.is_empty() {
            return Vec::new();
        }
        let header = [
            "NAMESPACE",
            "POD",
            "READY",
            "STATUS",
            "RESTARTS",
            "AGE",
            "IP",
        ];
        let rows: Vec<_> = rows.iter().map(row).collect();
        let mut lines = vec![String::new()];
        lines.extend(table_of_pods(&header, &rows));
        lines.extend(self.url.clone());
        fit(lines, self.printer.size().lines())
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

/// Cuts the lines down to the `room` for them. The blank line, the header and the last line stay.
fn fit(mut lines: Vec<String>, room: usize) -> Vec<String> {
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
    lines
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
        assert_eq!(fit(table(3), 23), table(3));
        for pods in 0..30 {
            for room in 1..30 {
                let lines = fit(table(pods), room);
                assert!(
                    lines.len() <= room,
                    "{pods} pods in {room} lines: {lines:?}"
                );
            }
        }
        let lines = fit(table(30), 7);
        assert_eq!(lines[1..4], ["POD", "web-0", "web-1"]);
        assert_eq!(
            lines[5..],
            ["… 27 more: `nodectl ps` lists all", "http://localhost/"]
        );
    }
}
