//! Replaces the names of packages by the names of images.

use super::Found;

/// `text` with each of `found`, which are in order, replaced by the result of `image` for its package. Every
/// other byte is preserved.
///
/// The name of an image has no character that YAML requires to be quoted, so quotes can stay as they are.
pub fn splice<'a>(text: &str, found: &[Found], image: impl Fn(&str) -> &'a str) -> String {
    let mut out = String::with_capacity(text.len() + 100 * found.len());
    let mut done = 0;
    for name in found {
        out.push_str(&text[done..name.range.start]);
        out.push_str(image(&name.package));
        done = name.range.end;
    }
    out.push_str(&text[done..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scan;
    use super::*;

    const IMAGE: &str = "127.0.0.1:5000/x/y@sha256:\
                         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn resolve(text: &str) -> String {
        splice(text, &scan(text).unwrap(), |_| IMAGE)
    }

    /// A line of YAML, and whether it contains a name to replace, which `%` stands for.
    fn line() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "image: %",
            "image: \"%\"  # %",
            "image: '%'",
            "- image: &a %",
            "- {image: %, 'é': [\"%\", x]}",
            "image: !!str %",
            "# image: %",
            "text: say % twice",
            "'%': key",
            "é: ü",
            "list: [a, b]",
            "folded: >-\r\n    some % text",
            "",
        ])
    }

    proptest! {
        #[test]
        fn every_other_byte_is_preserved(
            lines in prop::collection::vec(line(), 0..8),
            crlf in any::<bool>(),
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            // Each line is a document of its own, so that any lines can be combined.
            let lines = lines.iter().flat_map(|line| ["---", end, *line, end]);
            let text: String = lines.collect();
            let text = text.replace('%', "cargo://app");
            let found = scan(&text).unwrap();
            let resolved = splice(&text, &found, |_| IMAGE);
            // Undoing the replacements restores the text, so nothing else was changed.
            prop_assert_eq!(resolved.replace(IMAGE, "cargo://app"), text);
            prop_assert_eq!(resolved.matches(IMAGE).count(), found.len());
            // The result is still YAML, without names, so resolving it again changes nothing.
            prop_assert_eq!(scan(&resolved).unwrap(), vec![]);
            prop_assert_eq!(resolve(&resolved), resolved);
        }

        #[test]
        fn no_text_panics(text in "[ -~\\r\\né:'\"|>&*!{}\\[\\]#-]{0,60}") {
            if let Ok(found) = scan(&text) {
                let _ = splice(&text, &found, |_| IMAGE);
            }
            if let Ok(found) = scan(&format!("a: cargo://b\n{text}")) {
                let _ = splice(&text, &[], |_| IMAGE);
                prop_assert!(found.iter().any(|f| f.package == "b"));
            }
        }
    }
}
