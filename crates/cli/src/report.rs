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
    /// What the user can do about it, where that is known.
    pub hint: Option<String>,
}

/// An error that knows its exit code and what the user can do about it.
///
/// Each type answers in a `match` without a wildcard, so a new variant does not compile until its
/// exit code is decided. A variant that wraps another such error passes its answer on.
pub trait ExitError: Error {
    /// The exit code.
    fn exit(&self) -> Exit;

    /// What the user can do about it, where that is known.
    fn hint(&self) -> Option<String>;
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

/// Returns the verdict on one link of an error's chain, or `None` to ask the next one down.
pub type Classify = fn(&(dyn Error + 'static)) -> Option<Verdict>;

/// Prints `error`, its causes and its hint to stderr, and returns the exit code.
///
/// The chain is asked from the outermost error inwards; the first verdict counts.
pub fn report(printer: &Printer, error: &anyhow::Error, classify: Classify) -> Exit {
    let verdict = error.chain().find_map(classify);
    printer.error(&render(
        error.as_ref(),
        verdict.as_ref().and_then(|verdict| verdict.hint.as_deref()),
    ));
    verdict.map_or(Exit::Failed, |verdict| verdict.exit)
}

/// As [`finish`], for a program that classifies the links of an error's chain.
pub fn exit_code(
    printer: &Printer,
    outcome: Result<Exit, anyhow::Error>,
    classify: Classify,
) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => report(printer, &error, classify).into(),
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
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn renders_what_why_and_what_to_do() {
        let error = Err::<(), _>(std::io::Error::other("disk full"))
            .context("cannot write `target/image`")
            .unwrap_err();
        assert_eq!(
            render(error.as_ref(), Some("free some space")),
            "error: cannot write `target/image`\n  Caused by: disk full\nhint: free some space\n"
        );
    }

    #[test]
    fn the_outermost_verdict_counts() {
        fn classify(error: &(dyn Error + 'static)) -> Option<Verdict> {
            error.downcast_ref::<std::io::Error>().map(|_| Verdict {
                exit: Exit::Unreachable,
                hint: None,
            })
        }
        let error = anyhow::Error::from(std::io::Error::other("refused")).context("cannot connect");
        assert_eq!(
            error.chain().find_map(classify).map(|v| v.exit),
            Some(Exit::Unreachable)
        );
    }
}
