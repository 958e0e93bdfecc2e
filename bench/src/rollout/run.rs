//! Runs the tests, and reads what they record.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};
use cli::Printer;

use super::results::{Results, Rollout, SCHEMA_VERSION};
use crate::machine;

/// What is measured.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) root: PathBuf,
    /// How many times faster than at AWS time passes.
    pub(crate) scale: u32,
}

/// Runs the rollouts of `make e2e`.
///
/// # Errors
/// When a test fails, or records nothing.
pub(crate) fn run(inputs: &Inputs, printer: Printer) -> anyhow::Result<Results> {
    let records = tempfile::tempdir().context("cannot create a directory")?;
    let mut machine = machine::describe(&inputs.root);
    printer.status(
        "Rolling out behind the simulated load balancers; at AWS's own times, half an hour",
    );
    let status = Command::new("make")
        .args(["e2e", "e2e_tests=cluster_nlb"])
        .current_dir(&inputs.root)
        .env("E2E_AWS_SCALE", inputs.scale.to_string())
        .env("E2E_RECORDS", records.path())
        .status()
        .context("cannot run make")?;
    ensure!(
        status.success(),
        "`make e2e e2e_tests=cluster_nlb`: {status}"
    );
    machine.load_after = machine::load();
    let mut rollouts = Vec::new();
    for entry in fs::read_dir(records.path())? {
        let path = entry?.path();
        let rollout: Rollout = serde_json::from_slice(&fs::read(&path)?)
            .with_context(|| format!("invalid record {}", path.display()))?;
        rollouts.push(rollout);
    }
    ensure!(!rollouts.is_empty(), "the tests recorded no rollout");
    rollouts.sort_by(|a, b| a.overlay.cmp(&b.overlay));
    Ok(Results {
        schema_version: SCHEMA_VERSION,
        machine,
        scale: inputs.scale,
        rollouts,
    })
}
