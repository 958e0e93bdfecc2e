//! `nodectl -k logs`.

use std::io;
use std::time::Duration;

use cli::{Exit, Printer};
use serde_json::json;

use super::edge::{now_ms, stop_on_signals};
use super::error::{CommandError, Result, UsageError};
use super::node::select;
use crate::args::{LogsArgs, Output};
use crate::node::logs::{Follower, LogLine, LogQuery, read};
use crate::node::{Host, NodeContainer, NodePod};
use crate::play::Stop;

/// How often a followed log is looked at.
const POLL: Duration = Duration::from_millis(100);

pub(super) async fn logs(
    printer: Printer,
    host: &Host,
    pods: &[NodePod],
    args: &LogsArgs,
) -> Result<Exit> {
    let pod = select(pods, &args.pod)?;
    let container = choose(pod, args)?;
    let path = host.path(&container.log_path);
    let failed = |source| CommandError::Log {
        path: path.clone(),
        source,
    };
    if container.log_path.is_empty() {
        let message = format!(
            "container `{}` has no log that containerd knows",
            container.name
        );
        return Err(UsageError::new(message, None).into());
    }
    // From here on nothing is missed: what comes after this end is the follower's.
    let mut follower = args
        .follow
        .then(|| Follower::at_end(&path))
        .transpose()
        .map_err(failed)?;
    let query = LogQuery {
        tail: args.tail,
        since: args.since.map(|since| since.at(now_ms())),
        end: follower.as_ref().and_then(Follower::begins),
    };
    read(&path, query, |line| print(printer, args, &line)).map_err(failed)?;
    let Some(follower) = &mut follower else {
        return Ok(Exit::Ok);
    };
    let mut stop = stop_on_signals(Duration::ZERO).map_err(CommandError::Signals)?;
    loop {
        for line in follower.poll().map_err(failed)? {
            print(printer, args, &line)?;
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            _ = stop.wait_for(|stop| *stop != Stop::No) => return Ok(Exit::Interrupted),
        }
    }
}

fn choose<'a>(pod: &'a NodePod, args: &LogsArgs) -> Result<&'a NodeContainer> {
    let is_meant = |container: &&NodeContainer| {
        args.container
            .as_ref()
            .is_none_or(|name| container.name == *name)
            || container.id.starts_with(&args.pod)
    };
    let mut current = pod.current().filter(is_meant);
    let (Some(found), None) = (current.next(), current.next()) else {
        let names: Vec<_> = pod
            .current()
            .map(|container| container.name.as_str())
            .collect();
        let message = match names.as_slice() {
            [] => format!("pod `{}` has no container on this node", pod.name),
            all => format!("pod `{}` has the containers {}", pod.name, all.join(", ")),
        };
        let hint = (!names.is_empty()).then_some("choose one with --container");
        return Err(UsageError::new(message, hint).into());
    };
    if !args.previous {
        return Ok(found);
    }
    let earlier = |container: &&NodeContainer| container.name == found.name && !container.current;
    pod.containers.iter().find(earlier).ok_or_else(|| {
        let message = format!(
            "container `{}` has no earlier start on this node",
            found.name
        );
        UsageError::new(message, None).into()
    })
}

fn print(printer: Printer, args: &LogsArgs, line: &LogLine) -> io::Result<()> {
    let text = match args.output {
        Output::Json => json!({
            "stream": line.stream.as_str(),
            "text": line.text,
            "time": line.time.to_string(),
        })
        .to_string(),
        Output::Text if args.timestamps => format!("{} {}", line.time, line.text),
        Output::Text => line.text.clone(),
    };
    printer.data(&text)
}
