//! Writes TOML strings.

use std::fmt::Write as _;

/// A TOML basic string, escaped by <https://toml.io/en/v1.0.0#string>.
pub(crate) fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                write!(out, "\\u{:04X}", u32::from(c)).expect("writing to memory cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(toml_string("a\"b\\c\nd é"), "\"a\\\"b\\\\c\\u000Ad é\"");
    }
}
