//! Lists in the messages of errors.

use std::fmt::Display;

/// Each item on an indented line of its own, behind the text before it.
pub(crate) fn indented(items: impl IntoIterator<Item = impl Display>) -> String {
    items
        .into_iter()
        .fold(String::new(), |list, item| format!("{list}\n  {item}"))
}
