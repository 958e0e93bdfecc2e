//! `nodectl -k logs`.

use cli::{Exit, Printer};

use super::choose::choose_container;
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
    let by_id = pod.current().find(|one| one.id.starts_with(&args.pod));
    let found = if let Some(found) = by_id {
        found
    } else {
        let names: Vec<_> = pod.current().map(|one| one.name.as_str()).collect();
        let name = choose_container(&pod.name, &names, args.container.as_deref())?;
        let mut current = pod.current();
        let found = current.find(|one| one.name == name);
        found.expect("the name is one of these")
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
