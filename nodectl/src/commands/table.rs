//! Tables for people.

use cli::printable;

/// Lays out rows in columns, two spaces apart; the last column is not padded.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let mut all = vec![header.iter().map(ToString::to_string).collect::<Vec<_>>()];
    let cells = |row: &Vec<String>| {
        row.iter()
            .map(|cell| printable(cell).into_owned())
            .collect()
    };
    all.extend(rows.iter().map(cells));
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            all.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    all.iter()
        .map(|row| {
            let cells = row.iter().zip(&widths);
            let cells: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// A table whose first column is a namespace, which is omitted if all rows have the same.
pub(super) fn table_of_pods(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let mut namespaces = rows.iter().map(|row| &row[0]);
    let first = namespaces.next();
    if namespaces.any(|other| Some(other) != first) {
        return table(header, rows);
    }
    let rows: Vec<_> = rows.iter().map(|row| row[1..].to_vec()).collect();
    table(&header[1..], &rows)
}

/// The characters of a digest that are shown, as many as by Docker.
pub(super) const DIGEST_CHARS: usize = 12;

/// An image's name, with its digest, if any, shortened for a table.
pub(super) fn image_name(name: &str) -> String {
    match name.split_once("@sha256:") {
        Some((name, digest)) => {
            let short: String = digest.chars().take(DIGEST_CHARS).collect();
            format!("{name}@sha256:{short}")
        }
        None => name.to_owned(),
    }
}

/// A duration in its two largest units.
pub(super) fn age(seconds: i64) -> String {
    let seconds = seconds.max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![
            vec!["a".to_owned(), "1".to_owned()],
            vec!["long".to_owned(), String::new()],
        ];
        assert_eq!(table(&["NAME", "N"], &rows), ["NAME  N", "a     1", "long"]);
    }

    #[test]
    fn a_namespace_that_all_pods_are_in_is_omitted() {
        let rows =
            |namespaces: [&str; 2]| namespaces.map(|name| vec![name.to_owned(), "web".to_owned()]);
        let header = ["NAMESPACE", "POD"];
        assert_eq!(
            table_of_pods(&header, &rows(["a", "a"])),
            ["POD", "web", "web"]
        );
        assert_eq!(
            table_of_pods(&header, &rows(["a", "b"])),
            ["NAMESPACE  POD", "a          web", "b          web"]
        );
        assert_eq!(table_of_pods(&header, &[]), ["POD"]);
    }

    #[test]
    fn a_digest_is_cut_and_a_tag_is_not() {
        let digest = "0123456789abcdef".repeat(4);
        assert_eq!(
            image_name(&format!("registry:5000/web@sha256:{digest}")),
            "registry:5000/web@sha256:0123456789ab"
        );
        assert_eq!(image_name("web:0123456789abcdef"), "web:0123456789abcdef");
    }

    #[test]
    fn times_have_two_parts() {
        assert_eq!(
            [age(59), age(61), age(7300), age(90_000)],
            ["59s", "1m01s", "2h01m", "1d01h"]
        );
    }
}
