//! An error is printed once, here: what failed, why, and what to do about it.

use std::error::Error;
use std::process::ExitCode;

use crate::chain::chain;
use crate::{Exit, Printer};

/// The exit code and hint of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The exit code.
    pub exit: Exit,
    /// What the user can do about it, if that is known.
    pub hint: Option<String>,
}

/// An error that knows its exit code and what the user can do about it.
///
/// Each type implements it by a `match` without a wildcard, so a new variant does not compile until its
/// exit code is decided. A variant that wraps another such error delegates to it.
pub trait ExitError: Error {
    /// The exit code.
    fn exit(&self) -> Exit;

    /// What the user can do about it, if that is known.
    fn hint(&self) -> Option<String>;
}

impl Verdict {
    /// The exit code and hint of an error that implements [`ExitError`].
    pub fn of(error: &impl ExitError) -> Self {
        Self {
            exit: error.exit(),
            hint: error.hint(),
        }
    }
}

/// For tests: asserts the exit code of each variant of an error type, and whether it has a hint.
///
/// The patterns of the rows are also the arms of a match, so that a variant without a row does not
/// compile. `verdict` is a function from the error to its [`Verdict`], such as [`Verdict::of`].
#[macro_export]
macro_rules! verdict_table {
    ($verdict:expr, $type:ty, $($pattern:pat => $value:expr, $exit:ident, $hint:expr;)+) => {{
        #[allow(unreachable_patterns, reason = "a variant may have several rows")]
        fn every_variant_has_a_row(error: &$type) {
            match error {
                $($pattern => (),)+
            }
        }
        $(
            let error: $type = $value;
            every_variant_has_a_row(&error);
            assert!(matches!(error, $pattern), "not {}: {error:?}", stringify!($pattern));
            let verdict: $crate::Verdict = $verdict(&error);
            let actual = (verdict.exit, verdict.hint.is_some());
            assert_eq!(actual, ($crate::Exit::$exit, $hint), "{error:?}");
        )+
    }};
}

/// The last step of `main`: prints an error with its causes and its hint, and returns the exit
/// status.
pub fn finish<E: ExitError + 'static>(printer: &Printer, outcome: Result<Exit, E>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            printer.error(&render(&error, error.hint().as_deref()));
            error.exit().into()
        }
    }
}

fn render(error: &(dyn Error + 'static), hint: Option<&str>) -> String {
    let mut chain = chain(error);
    let mut text = format!("error: {}\n", chain.next().unwrap_or_default());
    for cause in chain {
        text.push_str("  Caused by: ");
        text.push_str(&cause);
        text.push('\n');
    }
    if let Some(hint) = hint {
        text.push_str("hint: ");
        text.push_str(hint);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write `{path}`")]
    struct Failed {
        path: &'static str,
        source: std::io::Error,
    }

    #[test]
    fn renders_what_why_and_what_to_do() {
        let error = Failed {
            path: "target/image",
            source: std::io::Error::other("disk full"),
        };
        assert_eq!(
            render(&error, Some("free some space")),
            "error: cannot write `target/image`\n  Caused by: disk full\nhint: free some space\n"
        );
    }
}
