//! The processes that write the containers' logs: receives their reports, and replaces killed ones.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Signal, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixDatagram;
use tokio::process::Command;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::context::Context;
use super::event::Event;
use super::instance::{Instance, InstanceError};
use super::record::PodRecord;
use crate::logs::writer::{Held, Input, Pipes, Report};

/// A task that is aborted when this is dropped.
#[derive(Debug)]
pub struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The longest report: a path and a reason.
const MAX_REPORT_BYTES: usize = 16 * 1024;

/// Turns the reports of an instance's log writers into events, until the task is dropped.
///
/// # Errors
/// If the socket cannot be created.
pub fn listen(instance: &Instance, events: UnboundedSender<Event>) -> Result<Task, InstanceError> {
    let path = instance.dir.join(Report::SOCKET);
    let failed = |source| InstanceError::File {
        action: "create",
        path: path.clone(),
        source,
    };
    // An earlier nodectl may not have removed it.
    let _ = fs::remove_file(&path);
    // The path of a socket has at most 107 bytes; a directory's may be longer.
    let dir = fs::File::open(&instance.dir).map_err(failed)?;
    let short = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), Report::SOCKET);
    let socket = UnixDatagram::bind(short).map_err(failed)?;
    let logs = instance.logs_dir();
    Ok(Task(tokio::spawn(async move {
        let mut buffer = vec![0; MAX_REPORT_BYTES];
        while let Ok(length) = socket.recv(&mut buffer).await {
            let report = serde_json::from_slice::<Report>(&buffer[..length]).ok();
            if let Some(event) = report.and_then(|report| dropped(&logs, report)) {
                // The receiver is gone while the program exits.
                let _ = events.send(event);
            }
        }
    })))
}

fn dropped(logs: &Path, report: Report) -> Option<Event> {
    let mut names = report.log.strip_prefix(logs).ok()?.iter();
    // NAMESPACE_POD_UID, none of which has an underscore.
    let pod = names.next()?.to_str()?.split('_').nth(1)?.to_owned();
    let container = names.next()?.to_str()?.to_owned();
    Some(Event::LogDropped {
        pod,
        container,
        lines: report.dropped.lines,
        bytes: report.dropped.bytes,
        reason: report.dropped.reason,
        over: report.dropped.over,
    })
}

/// The time between two writers of a container whose writers exit immediately.
const RETRY: Duration = Duration::from_secs(1);

/// Replaces the log writer of a running container when it is killed, until the task is dropped. Meanwhile
/// the container's pipes are held open, so that its writes block instead of failing.
pub(super) fn keep(
    ctx: &Arc<Context>,
    record: &PodRecord,
    container: &str,
    restarts: u32,
    id: &str,
) -> Task {
    let log = record.log_path(&ctx.instance, container, restarts);
    let (pod, container) = (record.name.clone(), container.to_owned());
    let (ctx, id) = (Arc::clone(ctx), id.to_owned());
    Task(tokio::spawn(async move {
        let pipes = Pipes::load(&Pipes::path(&ctx.instance.dir, &id));
        // Without a record of the pipes, or a process that has them open, no new writer can read them.
        let Some(mut held) = pipes.and_then(|pipes| pipes.hold()) else {
            return;
        };
        if let Some(writer) = held.writer.take() {
            exited(writer).await;
        }
        loop {
            ctx.emit(Event::LogWriter {
                pod: pod.clone(),
                container: container.clone(),
            });
            if let Err(error) = write_again(&log, &id, &held).await {
                ctx.emit(Event::Failed {
                    pod: pod.clone(),
                    reason: format!("cannot start a log writer: {error}"),
                });
            }
            sleep(RETRY).await;
        }
    }))
}

/// Starts a writer, which outlives this process, and returns when it has exited.
async fn write_again(log: &Path, id: &str, held: &Held) -> io::Result<()> {
    let mut writer = Command::new("/proc/self/exe")
        .arg(Input::COMMAND)
        .arg(log)
        .arg(id)
        .env_clear()
        .stdin(held.stdout.try_clone()?)
        .stdout(held.stderr.try_clone()?)
        .stderr(Stdio::null())
        // Ctrl-C is for this process.
        .process_group(0)
        .spawn()?;
    writer.wait().await?;
    Ok(())
}

/// Waits until a process has exited.
#[expect(
    deprecated,
    reason = "the other constructor is unsafe; an `OwnedFd` keeps its descriptor, as that one requires"
)]
async fn exited(process: OwnedFd) {
    match AsyncFd::with_interest(process, Interest::READABLE) {
        Ok(process) => drop(process.readable().await),
        // The runtime is shutting down.
        Err(_) => std::future::pending().await,
    }
}

/// How long a writer may take to exit after its container was deleted.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits until the writers of deleted containers have exited, and removes their files.
pub(super) async fn remove(instance: &Instance, keep: impl Fn(&str) -> bool) {
    let entries = fs::read_dir(Pipes::dir(&instance.dir));
    for entry in entries.into_iter().flatten().flatten() {
        if keep(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        if let Some(writer) = Pipes::load(&path).and_then(|pipes| pipes.writer()) {
            let kill = writer.try_clone();
            if timeout(EXIT_TIMEOUT, exited(writer)).await.is_err()
                && let Ok(writer) = kill
            {
                // It may have exited by now.
                let _ = pidfd_send_signal(writer, Signal::KILL);
            }
        }
        // It is removed with the instance's directory otherwise.
        let _ = fs::remove_file(&path);
    }
}
