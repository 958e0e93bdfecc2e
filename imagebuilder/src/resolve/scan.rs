//! Finds the `cargo://` names in YAML, with their byte ranges.
//!
//! As in ko, any string value may be one: an image is not always under a key `image`. Keys, comments, aliases
//! and strings that only contain `cargo://` are ignored.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// The scheme that stands for a package of the workspace.
const SCHEME: &str = "cargo://";

/// A string that names a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The package.
    pub package: String,
    /// The byte range of the string, without its quotes.
    pub range: Range<usize>,
    /// The line it is on, from 1.
    pub line: usize,
}

/// Why manifests cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The text is not YAML.
    #[error("not YAML: {problem} (line {line}, column {column})")]
    Yaml {
        /// The parser's error.
        problem: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The part after `cargo://` cannot be the name of a package.
    #[error("invalid name `{text}` on line {line}: expected `cargo://PACKAGE`")]
    Name {
        /// The string.
        text: String,
        /// The line, from 1.
        line: usize,
    },
    /// The bytes of the scalar differ from its value.
    #[error("`cargo://{package}` on line {line} must be on one line, without escapes")]
    Block {
        /// The package.
        package: String,
        /// The line, from 1.
        line: usize,
    },
}

/// Finds the names of packages in `text`, which may have several documents, in order.
///
/// # Errors
/// If it is not YAML, or a name cannot be replaced.
pub fn scan(text: &str) -> Result<Vec<Found>, ResolveError> {
    let offsets = Offsets::of(text);
    let mut parser = Parser::new_from_str(text);
    let mut place = Place::default();
    let mut found = Vec::new();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| ResolveError::Yaml {
            problem: error.info().to_owned(),
            line: error.marker().line(),
            column: error.marker().col() + 1,
        })?;
        let key = place.enter(&event);
        if let Event::Scalar(value, style, ..) = &event
            && !key
            && let Some(package) = value.strip_prefix(SCHEME)
        {
            found.push(name(text, &offsets, package, *style, span)?);
        }
    }
    Ok(found)
}

fn name(
    text: &str,
    offsets: &Offsets,
    package: &str,
    style: ScalarStyle,
    span: Span,
) -> Result<Found, ResolveError> {
    let line = span.start.line();
    let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
    let package = if block { package.trim_end() } else { package };
    // Cargo's own rule for names of packages.
    let word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    if package.is_empty() || !package.chars().all(word) {
        let text = format!("{SCHEME}{package}").chars().take(100).collect();
        return Err(ResolveError::Name { text, line });
    }
    let package = package.to_owned();
    if block {
        return Err(ResolveError::Block { package, line });
    }
    let quote = usize::from(style != ScalarStyle::Plain);
    let start = content(text, offsets.byte(span.start.index())) + quote;
    let range = start..start + SCHEME.len() + package.len();
    // With escapes or line breaks, the text is longer than its value.
    if text.get(range.clone()) != Some(&format!("{SCHEME}{package}")) {
        return Err(ResolveError::Block { package, line });
    }
    Ok(Found {
        package,
        range,
        line,
    })
}

/// Where the text of a scalar starts: the parser's span starts with its tag and anchor, and may extend past
/// its end, through a comment.
fn content(text: &str, start: usize) -> usize {
    let mut rest = text.get(start..).unwrap_or_default();
    loop {
        rest = rest.trim_start();
        let skipped = match rest.bytes().next() {
            Some(b'#') => rest.find(['\r', '\n']),
            Some(b'&' | b'!') => rest.find(char::is_whitespace),
            _ => return text.len() - rest.len(),
        };
        rest = &rest[skipped.unwrap_or(rest.len())..];
    }
}

/// The position of the next node in the tree, to distinguish keys from values.
#[derive(Debug, Default)]
struct Place {
    /// For each open collection: whether the next node is a key.
    open: Vec<Option<bool>>,
}

impl Place {
    /// Processes the next event, and returns whether it is (the start of) a key.
    fn enter(&mut self, event: &Event) -> bool {
        match event {
            Event::Scalar(..) | Event::Alias(..) => self.node(),
            Event::SequenceStart(..) => {
                let key = self.node();
                self.open.push(None);
                key
            }
            Event::MappingStart(..) => {
                let key = self.node();
                self.open.push(Some(true));
                key
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
                false
            }
            _ => false,
        }
    }

    fn node(&mut self) -> bool {
        match self.open.last_mut() {
            Some(Some(key)) => {
                let was = *key;
                *key = !was;
                was
            }
            _ => false,
        }
    }
}

/// Converts the parser's character offsets to byte offsets.
#[derive(Debug)]
struct Offsets {
    /// The byte offset of each character, unless all characters are ASCII.
    bytes: Option<Vec<usize>>,
    end: usize,
}

impl Offsets {
    fn of(text: &str) -> Self {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self {
            bytes,
            end: text.len(),
        }
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            None => character,
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, usize)]) {
        let found = scan(text).unwrap();
        for found in &found {
            assert_eq!(
                text[found.range.clone()],
                format!("cargo://{}", found.package)
            );
        }
        let found: Vec<_> = found.iter().map(|f| (f.package.as_str(), f.line)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn values_are_found_in_every_form() {
        check("image: cargo://app\n", &[("app", 1)]);
        check("image: cargo://app # why\n", &[("app", 1)]);
        check(
            "image: \"cargo://app\"\r\nx: 'cargo://b_c-d'\r\n",
            &[("app", 1), ("b_c-d", 2)],
        );
        check(
            "a: &i cargo://app\nb: *i\nc: !!str \"cargo://b\"\n",
            &[("app", 1), ("b", 3)],
        );
        check(
            "- cargo://app\n- {image: cargo://b, x: [cargo://c]}\n",
            &[("app", 1), ("b", 2), ("c", 2)],
        );
        check(
            "a: &\"cargo://app\" !x # cargo://c\n  \"cargo://b\"  # cargo://b\n",
            &[("b", 1)],
        );
        check("é: 'ü'\n---\nx:\n  image: cargo://app\n", &[("app", 4)]);
        check("\u{feff}image: cargo://app\n", &[("app", 1)]);
        check("{\"image\": \"cargo://app\"}", &[("app", 1)]);
        check("image:\n  cargo://app\n", &[("app", 2)]);
    }

    #[test]
    fn keys_comments_and_partial_strings_are_ignored() {
        check(
            "# cargo://app\ncargo://app: x\n? cargo://b\n: y\nz: see cargo://c\n",
            &[],
        );
        check("a: |\n  run cargo://app\n", &[]);
        check("", &[]);
    }

    #[test]
    fn names_that_cannot_be_replaced_are_errors() {
        let error = |text: &str| scan(text).unwrap_err().to_string();
        assert_eq!(
            error("image: cargo://\n"),
            "invalid name `cargo://` on line 1: expected `cargo://PACKAGE`"
        );
        assert_eq!(
            error("\nimage: cargo://a/b\n"),
            "invalid name `cargo://a/b` on line 2: expected `cargo://PACKAGE`"
        );
        let block = "`cargo://app` on line 1 must be on one line, without escapes";
        assert_eq!(
            error("image: |\n  cargo://app\n").replace("line 2", "line 1"),
            block
        );
        assert_eq!(error("image: \"cargo:\\x2f/app\"\n"), block);
        assert!(error("a: [b\n").starts_with("not YAML: "));
    }
}
