//! `nodectl logs`.

use cli::{Exit, Printer};

use super::choose::choose_container;
use super::error::{CommandError, Result, UsageError};
use super::log_lines::print_log;
use crate::args::{Global, LogsArgs};
use crate::containerd::Containerd;
use crate::play::observe;

pub(super) async fn logs(printer: Printer, global: &Global, args: &LogsArgs) -> Result<Exit> {
    let instance = global.instance();
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    let (pods, _) = observe(&client, &instance.id).await?;
    let pod = pods
        .iter()
        .find(|pod| {
            let record = &pod.record;
            record.name == args.pod || format!("{}/{}", record.namespace, record.name) == args.pod
        })
        .ok_or_else(|| CommandError::NoSuchPod {
            pod: args.pod.clone(),
        })?;
    let mut names: Vec<_> = pod.containers.iter().map(|one| one.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let name = choose_container(&pod.record.name, &names, args.container.as_deref())?;
    let mine = pod.containers.iter().filter(|one| one.name == name);
    let latest = mine.map(|one| one.restarts).max().unwrap_or(0);
    let attempt = if args.previous {
        let problem = || {
            format!(
                "container `{name}` of pod `{}` has started once",
                pod.record.name
            )
        };
        latest
            .checked_sub(1)
            .ok_or_else(|| UsageError::new(problem(), None))?
    } else {
        latest
    };
    let path = pod.record.log_path(&instance, name, attempt);
    print_log(printer, &path, args).await
}
