//! `nodectl logs`.

use cli::{Exit, Printer};

use super::choose::choose_container;
use super::error::{CommandError, Result, UsageError};
use super::log_lines::print_log;
use crate::args::{Global, LogsArgs};
use crate::containerd::Containerd;
use crate::play::{ContainerState, PodRow, observe, reported};

pub(super) async fn logs(printer: Printer, global: &Global, args: &LogsArgs) -> Result<Exit> {
    let instance = global.instance();
    let client = Containerd::connect(&global.address(), global.namespace()).await?;
    let (pods, _) = observe(&client, &instance.id).await?;
    // Only the running `up` knows a pod of which no container has started.
    let rows = reported::load(&instance).unwrap_or_default();
    let observed = pods.iter().map(|pod| &pod.record);
    let record = observed
        .chain(rows.iter().map(|row| &row.record))
        .find(|record| {
            record.name == args.pod || format!("{}/{}", record.namespace, record.name) == args.pod
        })
        .ok_or_else(|| CommandError::NoSuchPod {
            pod: args.pod.clone(),
        })?;
    let containers = &record.template.spec.containers;
    let mut names: Vec<_> = containers.iter().map(|one| &*one.name).collect();
    names.sort_unstable();
    let name = choose_container(&record.name, &names, args.container.as_deref())?;
    let mine = pods.iter().filter(|pod| pod.record.name == record.name);
    let mine = mine.flat_map(|pod| &pod.containers);
    let latest = mine
        .filter(|one| one.name == name)
        .map(|one| one.restarts)
        .max()
        .ok_or_else(|| CommandError::NotStarted {
            pod: record.name.clone(),
            container: name.to_owned(),
            reason: reason(&rows, &record.name, name),
        })?;
    let attempt = if args.previous {
        let problem = || {
            format!(
                "container `{name}` of pod `{}` has started only once",
                record.name
            )
        };
        latest
            .checked_sub(1)
            .ok_or_else(|| UsageError::new(problem(), None))?
    } else {
        latest
    };
    let path = record.log_path(&instance, name, attempt);
    print_log(printer, &path, args).await
}

/// Why a container has not started.
fn reason(rows: &[PodRow], pod: &str, container: &str) -> String {
    let row = rows.iter().find(|row| row.record.name == pod);
    let Some(row) = row else {
        return "no `nodectl up` is running".to_owned();
    };
    let mut containers = row.status.containers.iter();
    let status = containers.find(|one| one.name == container);
    let reason = status.and_then(|one| match (&one.reason, &one.state) {
        (Some(reason), _) | (None, ContainerState::Waiting(reason)) => Some(reason.clone()),
        (None, ContainerState::Running { .. } | ContainerState::Exited { .. }) => None,
    });
    reason.unwrap_or_else(|| "it is being created".to_owned())
}
