//! Joins the texts of files to one YAML stream.

/// The byte order mark, which may only begin a stream.
const MARK: char = '\u{feff}';

/// The texts, each as a document of its own. One text stays as it is.
pub fn stream(texts: &[String]) -> String {
    let mut out = String::new();
    for text in texts {
        append(&mut out, text);
    }
    // kubectl reads a stream that begins with `{` as JSON, where `---` is an error.
    if texts.len() > 1 && out.trim_start().starts_with('{') {
        out.insert_str(0, "---\n");
    }
    out
}

fn append(out: &mut String, text: &str) {
    if out.is_empty() {
        out.push_str(text);
        return;
    }
    let text = text.strip_prefix(MARK).unwrap_or(text);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    if text.starts_with('%') {
        // A directive follows the end of a document.
        out.push_str("...\n");
    } else if !begins_document(text) {
        out.push_str("---\n");
    }
    out.push_str(text);
}

/// Whether a text begins with the marker `---`, which white space follows.
fn begins_document(text: &str) -> bool {
    text.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}
