//! `nodectl logs`.

use std::fs::File;
use std::io::Read as _;

use cli::{Exit, Printer};

use super::error::{CommandError, Result, UsageError};
use crate::args::{Global, LogsArgs, Output};
use crate::containerd::Containerd;
use crate::play::{Instance, observe};

/// What is read and printed at a time.
const CHUNK_BYTES: usize = 64 * 1024;

pub(super) async fn logs(printer: Printer, global: &Global, args: &LogsArgs) -> Result<Exit> {
    refuse_what_needs_cri_logs(args)?;
    let instance = Instance::new(&global.state_dir, global.namespace());
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    let (pods, _) = observe(&client, &instance.id).await?;
    let pod = pods
        .iter()
        .find(|pod| pod.record.name == args.pod)
        .ok_or_else(|| CommandError::NoSuchPod {
            pod: args.pod.clone(),
        })?;
    let mut names: Vec<_> = pod.containers.iter().map(|one| one.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let name = match (&args.container, names.as_slice()) {
        (Some(name), _) if names.contains(&name.as_str()) => name,
        (None, [only]) => *only,
        _ => {
            let message = format!("pod `{}` has the containers {}", args.pod, names.join(", "));
            return Err(UsageError::new(message, Some("choose one with --container")).into());
        }
    };
    let mine = pod.containers.iter().filter(|one| one.name == name);
    let latest = mine.map(|one| one.restarts).max().unwrap_or(0);
    let attempt = if args.previous {
        let problem = || format!("container `{name}` of pod `{}` has started once", args.pod);
        latest
            .checked_sub(1)
            .ok_or_else(|| UsageError::new(problem(), None))?
    } else {
        latest
    };
    let path = pod.record.log_path(&instance, name, attempt);
    let failed = |source| CommandError::Log {
        path: path.clone(),
        source,
    };
    let mut file = File::open(&path).map_err(failed)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            return Ok(Exit::Ok);
        }
        printer.data_raw(&buffer[..read])?;
    }
}

/// Our own pods' logs are what the container wrote, byte for byte: no times, no streams.
fn refuse_what_needs_cri_logs(args: &LogsArgs) -> std::result::Result<(), UsageError> {
    let asked = [
        (args.follow, "--follow"),
        (args.tail.is_some(), "--tail"),
        (args.since.is_some(), "--since"),
        (args.timestamps, "--timestamps"),
        (args.output == Output::Json, "--output json"),
    ];
    match asked.iter().find(|(given, _)| *given) {
        None => Ok(()),
        Some((_, flag)) => Err(UsageError::new(
            format!("`logs {flag}` is for the kubelet's containers"),
            Some("give -k as well, or pipe the log into tail, grep or the like"),
        )),
    }
}
