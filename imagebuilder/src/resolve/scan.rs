//! Finding the `cargo://` names in YAML, with the bytes they are at.
//!
//! Any string value may be one, as in ko: an image is not always under a key `image`. Keys,
//! comments, aliases and strings that only contain `cargo://` are left alone.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// The scheme that stands for a package of the workspace.
const SCHEME: &str = "cargo://";

/// A string that names a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The package.
    pub package: String,
    /// The bytes of the string, without its quotes.
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
        /// What the parser found.
        problem: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// What follows `cargo://` cannot be a package.
    #[error("`{text}` on line {line} is not `cargo://` and the name of a package")]
    Name {
        /// The string.
        text: String,
        /// The line, from 1.
        line: usize,
    },
    /// The name is written in a form whose bytes are not the name.
    #[error("`cargo://{package}` on line {line} must be written plain or in simple quotes")]
    Block {
        /// The package.
        package: String,
        /// The line, from 1.
        line: usize,
    },
}

/// Finds the names of packages in `text`, which may have several documents, in their order.
///
/// # Errors
/// When it is not YAML, or a name is not one that can be replaced.
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
    // Escapes, or a line break, make the text longer than the name it stands for.
    if text.get(range.clone()) != Some(&format!("{SCHEME}{package}")) {
        return Err(ResolveError::Block { package, line });
    }
    Ok(Found {
        package,
        range,
        line,
    })
}

/// Where a scalar's own text starts: the parser's span starts with its tag and anchor, and may go
/// on past its end, through a comment.
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

/// Where in the tree the next node is, to tell keys from values.
#[derive(Debug, Default)]
struct Place {
    /// For each open collection: whether the next node is a key.
    open: Vec<Option<bool>>,
}

impl Place {
    /// Takes the next event, and says whether it is (the start of) a key.
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

/// The parser counts characters; a splice needs bytes.
#[derive(Debug)]
struct Offsets {
    /// The byte of each character, unless they are the same because all are ASCII.
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
    fn what_is_not_a_value_is_left_alone() {
        check(
            "# cargo://app\ncargo://app: x\n? cargo://b\n: y\nz: see cargo://c\n",
            &[],
        );
        check("a: |\n  run cargo://app\n", &[]);
        check("", &[]);
    }

    #[test]
    fn what_cannot_be_replaced_is_an_error() {
        let error = |text: &str| scan(text).unwrap_err().to_string();
        assert_eq!(
            error("image: cargo://\n"),
            "`cargo://` on line 1 is not `cargo://` and the name of a package"
        );
        assert_eq!(
            error("\nimage: cargo://a/b\n"),
            "`cargo://a/b` on line 2 is not `cargo://` and the name of a package"
        );
        let block = "`cargo://app` on line 1 must be written plain or in simple quotes";
        assert_eq!(
            error("image: |\n  cargo://app\n").replace("line 2", "line 1"),
            block
        );
        assert_eq!(error("image: \"cargo:\\x2f/app\"\n"), block);
        assert!(error("a: [b\n").starts_with("not YAML: "));
    }
}
