//! The chain of an error's causes.

use std::error::Error;
use std::iter;

/// `error` and its causes, outermost first.
///
/// The messages may quote text from another process or host, so control characters, which a terminal
/// would interpret, are replaced by spaces.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = String> + use<'a> {
    iter::successors(Some(error), |&error| error.source()).map(|error| {
        let text = error.to_string();
        text.chars()
            .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
            .collect()
    })
}

/// `error` and its causes in one line: `cannot open: no such file`.
pub fn one_line(error: &(dyn Error + 'static)) -> String {
    chain(error).collect::<Vec<_>>().join(": ")
}
