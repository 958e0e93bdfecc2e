//! `nodectl -k logs`.

use cli::{Exit, Printer};

use super::error::{Result, UsageError};
use super::log_lines::print_log;
use crate::args::LogsArgs;
use crate::node::{Host, NodeContainer, NodePod, select_pod};

pub(super) async fn logs(
    printer: Printer,
    host: &Host,
    pods: &[NodePod],
    args: &LogsArgs,
) -> Result<Exit> {
    let pod = select_pod(pods, &args.pod)?;
    let container = choose(pod, args)?;
    if container.log_path.is_empty() {
        let message = format!(
            "containerd has no log path for container `{}`",
            container.name
        );
        return Err(UsageError::new(message, None).into());
    }
    print_log(printer, &host.path(&container.log_path), args).await
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
