//! A probe that runs a command in the container, with the container's user, environment and limits.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::output::Output;
use super::target::Target;
use crate::containerd::Error;
use crate::manifest::Exec;

/// How long a killed process may take to exit.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn ask(exec: &Exec, target: &Target<'_>, limit: Duration) -> Result<(), String> {
    let command = exec.command.join(" ");
    let failed = |error: Error| format!("`{command}`: {error}");
    let process = process(exec, target).await.map_err(failed)?;
    let (client, id) = (&target.ctx.client, target.id);
    let exec_id = format!("probe-{}", &(target.ctx.random)()[..16]);
    let run = async |fifo: Option<&Path>| {
        let started = client.start_exec(id, &exec_id, process, fifo).await;
        let outcome = match started {
            Err(error) => Err(failed(error)),
            Ok(()) => match timeout(limit, client.wait_exec(id, &exec_id)).await {
                Ok(Ok(exit)) if exit.code == 0 => Ok(()),
                Ok(Ok(exit)) => Err(format!("`{command}` exited with {}", exit.code)),
                Ok(Err(error)) => Err(failed(error)),
                Err(_) => {
                    // The probe has failed, even if the process cannot be killed.
                    let _ = client.kill_exec(id, &exec_id).await;
                    let _ = timeout(KILL_TIMEOUT, client.wait_exec(id, &exec_id)).await;
                    let secs = limit.as_secs();
                    Err(format!("`{command}` ran for more than {secs} s"))
                }
            },
        };
        // A process that never started does not exist; a remaining one is deleted with the container.
        let _ = client.delete_exec(id, &exec_id).await;
        outcome
    };
    // Without it, the probe is only reported in less detail.
    let Ok(mut output) = Output::create(target.ctx.instance.dir.join(&exec_id)) else {
        return run(None).await;
    };
    let fifo = output.path().to_owned();
    let outcome = output.read_during(run(Some(&fifo))).await;
    outcome.map_err(|error| match output.first_line() {
        None => error,
        Some(line) => format!("{error}: {line}"),
    })
}

/// The process of the container's spec, with the probe's command.
async fn process(exec: &Exec, target: &Target<'_>) -> Result<Vec<u8>, Error> {
    let spec = target.ctx.client.container_spec(target.id).await?;
    let spec: Value = serde_json::from_slice(&spec).unwrap_or_default();
    let mut process = spec["process"].clone();
    process["args"] = json!(exec.command);
    process["terminal"] = json!(false);
    Ok(process.to_string().into_bytes())
}
