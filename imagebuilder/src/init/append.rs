//! Appends the table to a manifest.

/// The manifest with the table at its end, in the manifest's line endings.
///
/// # Errors
/// If that is not TOML: a table cannot be added to one that the manifest defines inline.
pub(crate) fn append(manifest: &str, table: &str) -> Result<String, toml::de::Error> {
    let (newline, table) = if manifest.contains("\r\n") {
        ("\r\n", table.replace('\n', "\r\n"))
    } else {
        ("\n", table.to_owned())
    };
    let end = if manifest.ends_with('\n') {
        ""
    } else {
        newline
    };
    let appended = [manifest, end, newline, &table].concat();
    toml::de::DeTable::parse(&appended)?;
    Ok(appended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_toml() {
        let table = "[package.metadata.image]\n";
        let check = |manifest: &str, expected: &str| {
            assert_eq!(append(manifest, table).unwrap(), expected, "{manifest}");
        };
        check("[package]", "[package]\n\n[package.metadata.image]\n");
        check(
            "[package]\r\nmetadata.docs = {}\r\n",
            "[package]\r\nmetadata.docs = {}\r\n\r\n[package.metadata.image]\r\n",
        );
        for inline in ["package = {}\n", "[package]\nmetadata = { docs = {} }\n"] {
            assert!(append(inline, table).is_err(), "{inline}");
        }
    }
}
