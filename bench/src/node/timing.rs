//! Two commands, timed in alternating rounds.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};

use super::results::{Pair, Timed};

/// A command to time, with its name in the document.
#[derive(Debug)]
pub(crate) struct Timing {
    pub(crate) name: &'static str,
    pub(crate) command: Command,
    /// The number of lines that it prints, without the header.
    pub(crate) lines: usize,
}

/// Runs both once per round, ours first in every other one. The first run of each fills the caches and does
/// not count.
pub(crate) fn compare(
    mut ours: Timing,
    mut other: Timing,
    at_most: f64,
    rounds: usize,
) -> anyhow::Result<Pair> {
    for timing in [&mut ours, &mut other] {
        timing.check()?;
    }
    let mut millis = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            millis.0.push(ours.run()?);
            millis.1.push(other.run()?);
        } else {
            millis.1.push(other.run()?);
            millis.0.push(ours.run()?);
        }
    }
    Ok(Pair {
        ours: ours.timed(millis.0),
        other: other.timed(millis.1),
        at_most,
    })
}

impl Timing {
    /// Asserts that it succeeds and prints the expected number of lines.
    fn check(&mut self) -> anyhow::Result<()> {
        let output = self
            .command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run `{}`", self.name))?;
        ensure!(output.status.success(), "`{}` failed", self.name);
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().count();
        ensure!(
            lines == self.lines + 1,
            "`{}` printed {lines} lines, not a head and {}:\n{text}",
            self.name,
            self.lines
        );
        Ok(())
    }

    fn run(&mut self) -> anyhow::Result<f64> {
        self.command.stdout(Stdio::null());
        let begun = Instant::now();
        let status = self.command.status()?;
        let millis = begun.elapsed().as_secs_f64() * 1000.0;
        ensure!(status.success(), "`{}` failed", self.name);
        Ok(millis)
    }

    fn timed(self, millis: Vec<f64>) -> Timed {
        Timed {
            command: self.name.to_owned(),
            millis,
        }
    }
}
