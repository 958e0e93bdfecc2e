//! Text from other sources, on a terminal.

use std::borrow::Cow;

/// A text with its control characters escaped, as `\n` and `\u{1b}`. A terminal would interpret them, and a line
/// break would forge another line.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_control_characters_are_escaped() {
        assert_eq!(printable("a → \"b\" \\n"), "a → \"b\" \\n");
        assert_eq!(
            printable("x\u{1b}]0;y\u{7}\nlabel\u{9b}"),
            "x\\u{1b}]0;y\\u{7}\\nlabel\\u{9b}"
        );
    }
}
