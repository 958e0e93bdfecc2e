//! Putting names of images where names of packages were.

use super::Found;

/// `text` with each of `found`, which are in their order, replaced by what `image` gives for its
/// package. Every other byte stays.
///
/// The name of an image has no character that YAML would need quoted, so quotes can stay as they
/// are, or be absent.
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

    /// A line of YAML, and whether it has a name to replace; `%` stands for that name.
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
        fn every_other_byte_stays(
            lines in prop::collection::vec(line(), 0..8),
            crlf in any::<bool>(),
        ) {
            let end = if crlf { "\r\n" } else { "\n" };
            // A document each, so that any lines go together.
            let lines = lines.iter().flat_map(|line| ["---", end, *line, end]);
            let text: String = lines.collect();
            let text = text.replace('%', "cargo://app");
            let found = scan(&text).unwrap();
            let resolved = splice(&text, &found, |_| IMAGE);
            // Undone by hand it is the same, so nothing else was touched.
            prop_assert_eq!(resolved.replace(IMAGE, "cargo://app"), text);
            prop_assert_eq!(resolved.matches(IMAGE).count(), found.len());
            // It is YAML still, there is nothing left to do, and doing it again changes nothing.
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
