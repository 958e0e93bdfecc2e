//! Creates, starts and removes one container.

use std::time::Duration;

use super::context::Context;
use super::record::{PodRecord, labels};
use super::sandbox;
use super::sandbox_error::SandboxError;
use super::shared::Shared;
use super::shim;
use crate::containerd::{self, Containerd, Labels, NewContainer, TaskState, any_json};
use crate::images::LookupError;
use crate::logs::writer::Input;
use crate::manifest::ContainerSpec;
use crate::spec::{self, PodFields, SpecError, SpecInput, UserError};

/// Why a container cannot be started. It may run nevertheless if only containerd's response was lost:
/// [`remove_attempt`] removes it.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error(transparent)]
    Containerd(#[from] containerd::Error),
    #[error(transparent)]
    Lookup(#[from] LookupError),
    #[error("image `{0}` is no longer in containerd")]
    NoImage(String),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    User(#[from] UserError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("cannot write the spec as JSON")]
    Json(#[from] serde_json::Error),
}

/// A started container.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) id: String,
    pub(super) pid: u32,
}

/// Starts a container after `restarts` restarts and `retries` failed attempts at this start.
pub(super) async fn start(
    ctx: &Context,
    record: &PodRecord,
    container: &ContainerSpec,
    restarts: u32,
    retries: u32,
) -> Result<Started, StartError> {
    let id = record.container_id(&container.name, restarts, retries);
    let new = new_container(ctx, record, container, restarts, &id).await?;
    // Leftovers of an interrupted attempt have the same ID.
    remove(&ctx.client, &id).await?;
    let lease = format!("nodectl-{}-{id}", ctx.instance.id);
    let mark = Labels::from([(labels::INSTANCE.to_owned(), ctx.instance.id.clone())]);
    ctx.client.release(&lease, false).await?;
    let leased = ctx.client.lease(&lease, mark.clone(), ctx.expiry()).await?;
    let started = start_leased(ctx, &leased, record, container, restarts, new, mark).await;
    if started.is_err() {
        // Best effort: only the first error is reported, and `down` finds the rest.
        let _ = remove(&ctx.client, &id).await;
    }
    let released = ctx.client.release(&lease, false).await;
    let pid = started?;
    released?;
    Ok(Started { id, pid })
}

async fn start_leased(
    ctx: &Context,
    client: &Containerd,
    record: &PodRecord,
    container: &ContainerSpec,
    restarts: u32,
    (new, chain_id): (NewContainer, String),
    mark: Labels,
) -> Result<u32, StartError> {
    let id = new.id.clone();
    let mounts = client.prepare_snapshot(&id, &chain_id, mark).await?;
    client.create_container(new).await?;
    let log = record.log_path(&ctx.instance, &container.name, restarts);
    let log = Input::uri(std::process::id(), &log);
    let pid = client.create_task(&id, mounts, &log).await?;
    client.start_task(&id).await?;
    Ok(pid)
}

async fn new_container(
    ctx: &Context,
    record: &PodRecord,
    container: &ContainerSpec,
    restarts: u32,
    id: &str,
) -> Result<(NewContainer, String), StartError> {
    let image = ctx.image(&container.image).await?;
    let image = image.ok_or_else(|| StartError::NoImage(container.image.clone()))?;
    let security = &record.template.spec.security_context;
    let user = spec::resolve_user(
        image.config.user(),
        &image.accounts,
        security,
        &container.security_context,
    )?;
    let pod = PodFields {
        name: record.name.clone(),
        namespace: record.namespace.clone(),
        uid: record.uid.clone(),
        address: record.address,
        host_address: ctx.bridge.subnet.gateway(),
        node: ctx.machine.node.clone(),
        labels: record.pod_labels(),
        annotations: record.pod_annotations(),
        service_account: record
            .template
            .spec
            .service_account_name
            .as_ref()
            .map_or_else(|| "default".to_owned(), ToString::to_string),
    };
    let shared = Shared::of(&ctx.instance, record);
    let network = sandbox::pod_network(&ctx.instance, record);
    let spec = spec::build(&SpecInput {
        container,
        security,
        image: &image.config,
        user: &user,
        pod: &pod,
        netns: &network.netns,
        ipc: &shared.ipc,
        shm: &shared.shm,
        cgroup: record.container_cgroup(&ctx.instance, id),
        binds: sandbox::binds(&ctx.instance, record, container),
        memory_total: ctx.machine.memory_total,
        oom_floor: ctx.machine.oom_floor,
        cgroup2: ctx.machine.cgroup2,
    })?;
    let pairs = [
        (labels::INSTANCE, ctx.instance.id.clone()),
        (labels::POD, record.name.clone()),
        (labels::POD_UID, record.uid.clone()),
        (labels::NAMESPACE, record.namespace.clone()),
        (labels::DEPLOYMENT, record.deployment.clone()),
        (labels::HASH, record.hash.clone()),
        (labels::CONTAINER, container.name.to_string()),
        (labels::RESTARTS, restarts.to_string()),
        (labels::ADDRESS, record.address.to_string()),
        (labels::NETNS, network.netns.display().to_string()),
    ];
    let new = NewContainer {
        id: id.to_owned(),
        image: image.name.clone(),
        labels: pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        spec_json: serde_json::to_vec(&spec)?,
        extensions: vec![(
            labels::EXTENSION.to_owned(),
            any_json("nodectl.dev/v1/Pod", record)?,
        )],
    };
    Ok((new, image.chain_id))
}

/// How long a killed process may take to exit.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// Removes a container with its task and snapshot. A running one is killed; a missing one is not an error.
pub(super) async fn remove(client: &Containerd, id: &str) -> Result<(), containerd::Error> {
    match client.task(id).await?.map(|process| process.state) {
        None | Some(TaskState::Stopped) => {}
        Some(TaskState::Unknown) => shim::kill_stuck(client, id).await?,
        Some(TaskState::Created | TaskState::Running | TaskState::Paused) => {
            match client.kill_task(id, nix::libc::SIGKILL, true).await {
                // Its shim was just killed, and containerd kills its processes.
                Err(error) if error.is_closed_shim() => {}
                result => result?,
            }
            // The deletion reports the error.
            let _ = tokio::time::timeout(KILL_TIMEOUT, client.wait_task(id)).await;
        }
    }
    // Even if there seems to be no task: if a restart of containerd interrupted its creation, the shim has no
    // process to report, but the task's ID stays in use.
    shim::delete_task(client, id).await?;
    client.delete_container(id).await?;
    shim::remove_socket(client, id).await;
    client.remove_snapshot(id).await
}

/// Cleans up after a failed [`start`], including a shim that containerd does not know: a containerd that is
/// restarted during `Tasks.Create` forgets it.
pub(super) async fn remove_attempt(client: &Containerd, id: &str) -> Result<(), containerd::Error> {
    remove(client, id).await?;
    shim::remove_orphan(client, id).await;
    Ok(())
}
