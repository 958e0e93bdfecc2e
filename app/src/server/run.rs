//! Running the service, from two bound listeners to the end of its drain.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::admin;
use super::bind::Bound;
use super::descriptors;
use super::error::ServeError;
use super::message::Message;
use super::thread;
use crate::background;
use crate::drain_report;
use crate::edge::memory;
use crate::lifecycle::{DrainResult, State};
use crate::logs;
use crate::run_time::RunTime;
use crate::settings::Settings;
use crate::shared::Shared;

/// How often a drain checks whether all connections are closed.
const LOOK: Duration = Duration::from_millis(5);

/// More time than this between two checks does not count: the process did not run, and could not respond.
const LONGEST_LOOK: Duration = Duration::from_millis(250);

/// How often the file of the greeting is read.
const FOLLOW: Duration = Duration::from_secs(1);

/// How long the last visits may take to be saved.
const SAVE: Duration = Duration::from_secs(2);

/// How long the last spans may take to be sent.
#[cfg(feature = "otlp")]
const EXPORT: Duration = Duration::from_secs(2);

/// Serves until `shutdown` resolves, and then drains. When `hurry` resolves, the rest of the drain's
/// delay is skipped.
///
/// # Errors
/// [`ServeError::Descriptors`] if the process may open too few files, [`ServeError::Start`] if a
/// thread or runtime cannot be created.
pub async fn run(
    settings: Settings,
    bound: Bound,
    shutdown: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) -> Result<DrainResult, ServeError> {
    let workers = settings
        .workers
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
    descriptors::raise(workers, settings.limits.connections)?;
    let memory_bytes = settings.limits.memory_bytes;
    let memory_bytes = memory_bytes.unwrap_or_else(memory::default_bytes);
    let needed = memory::largest_request(settings.limits.body_bytes);
    if memory_bytes < needed {
        return Err(ServeError::Memory {
            needed,
            allowed: memory_bytes,
        });
    }
    let (logs, filter) =
        logs::start(&settings.log, settings.log_format).map_err(ServeError::Start)?;
    if let Ok((public, admin)) = bound.addresses() {
        tracing::info!(%public, %admin, "listening");
    }
    #[cfg(not(feature = "otlp"))]
    if let Some(endpoint) = &settings.otlp_endpoint {
        tracing::warn!(
            endpoint,
            "cannot send traces: built without the feature otlp"
        );
    }
    #[cfg(feature = "otlp")]
    let (spans, exporter) = crate::otlp::start(&settings);
    let shared = Arc::new(Shared::new(
        settings,
        workers,
        memory_bytes,
        logs,
        filter,
        #[cfg(feature = "otlp")]
        spans,
    ));
    let outcome = tokio::task::LocalSet::new()
        .run_until(serve(Arc::clone(&shared), bound, shutdown, hurry))
        .await;
    shared.visits.stop(SAVE);
    if let Ok(result) = &outcome {
        report_drain(*result, shared.settings.data_dir.clone()).await;
    }
    // Telemetry is flushed last: everything above may log.
    #[cfg(feature = "otlp")]
    exporter.finish(&shared.spans, EXPORT);
    shared.logs.flush();
    outcome
}

async fn serve(
    shared: Arc<Shared>,
    bound: Bound,
    shutdown: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) -> Result<DrainResult, ServeError> {
    let admin = admin::listen(Arc::clone(&shared), bound.admin)
        .await
        .map_err(ServeError::Start)?;
    let pulse = {
        let shared = Arc::clone(&shared);
        tokio::task::spawn_local(async move { shared.pulse().await })
    };
    let following = read_files(&shared).await;
    let fleet = Fleet::start(&shared, bound.public)
        .await
        .map_err(ServeError::Start)?;
    shared.life.advance(State::Ready);
    tracing::info!(workers = shared.counters.len(), "ready");

    shutdown.await;
    let result = fleet.drain(&shared, hurry).await;
    // Set before the state changes, for scrapes until the process exits.
    let _ = shared.drained.set(result);
    shared.life.advance(State::Stopped);
    match result {
        DrainResult::Complete => tracing::info!("stopped: every request was answered"),
        DrainResult::Cut(cut) => tracing::error!(cut, "stopped: the drain's deadline cut requests"),
    }
    fleet.stop();
    if let Some(following) = following {
        following.abort();
    }
    admin.abort();
    pulse.abort();
    Ok(result)
}

/// Reads the files that the settings name, and starts to follow the greeting's. A file that hangs
/// delays the start by [`FILE_TIMEOUT`](crate::background::FILE_TIMEOUT) at most.
async fn read_files(shared: &Arc<Shared>) -> Option<tokio::task::JoinHandle<()>> {
    let following = shared.settings.greeting_file.clone().map(|path| {
        let (tried, first) = oneshot::channel();
        let shared = Arc::clone(shared);
        let task = async move { shared.greeting.follow(&path, FOLLOW, tried).await };
        (tokio::task::spawn_local(task), first)
    });
    if let Some(directory) = shared.settings.data_dir.clone() {
        let read = move || drain_report::read_last(&directory);
        if let Some(Some(last)) = background::within_timeout("last-drain", read).await {
            let _ = shared.last_drain.set(last);
        }
    }
    let (task, first) = following?;
    drop(first.await);
    Some(task)
}

/// Saves the drain's result for after the process exits. An error is only logged, and a volume that hangs
/// delays the exit by [`FILE_TIMEOUT`](crate::background::FILE_TIMEOUT) at most.
async fn report_drain(result: DrainResult, directory: Option<PathBuf>) {
    let message = background::start("drain-message", move || drain_report::write_message(result));
    if let Some(directory) = directory {
        let save = move || drain_report::save(result, &directory);
        match background::within_timeout("drain-report", save).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(%error, "cannot save the drain's result"),
            None => tracing::warn!("cannot save the drain's result: the volume hangs"),
        }
    }
    drop(tokio::time::timeout(background::FILE_TIMEOUT, message).await);
}

/// The workers.
struct Fleet {
    senders: Vec<mpsc::UnboundedSender<Message>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Fleet {
    /// Starts the workers, and waits until each is up.
    async fn start(shared: &Arc<Shared>, listener: std::net::TcpListener) -> io::Result<Self> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..shared.counters.len())
            .map(|_| mpsc::unbounded_channel())
            .unzip();
        let mut listener = Some(listener);
        let mut threads = Vec::new();
        let mut started = Vec::new();
        for (index, receiver) in receivers.into_iter().enumerate() {
            let others = if index == 0 {
                senders.clone()
            } else {
                Vec::new()
            };
            let shared = Arc::clone(shared);
            let (starting, is_up) = oneshot::channel();
            started.push(is_up);
            threads.push(thread::start(
                index,
                shared,
                receiver,
                listener.take(),
                others,
                starting,
            )?);
        }
        for is_up in started {
            let failed = || io::Error::other("a worker failed while it started");
            is_up.await.unwrap_or_else(|_| Err(failed()))?;
        }
        Ok(Self { senders, threads })
    }

    fn send_all(&self, message: impl Fn() -> Message) {
        for sender in &self.senders {
            // A worker that is gone needs no command.
            drop(sender.send(message()));
        }
    }

    async fn drain(&self, shared: &Shared, hurry: impl Future<Output = ()>) -> DrainResult {
        let profile = shared.settings.drain;
        shared.life.advance(State::Draining);
        let (delay, deadline) = (profile.delay.as_secs_f64(), profile.deadline.as_secs_f64());
        tracing::info!(delay_s = delay, deadline_s = deadline, "draining");
        tokio::select! {
            () = tokio::time::sleep(profile.delay) => {}
            () = hurry => tracing::warn!("interrupted: the rest of the delay is skipped"),
        }
        let (done, closed) = oneshot::channel();
        if self.senders[0].send(Message::CloseListener(done)).is_ok() {
            drop(closed.await);
        }
        tracing::info!(
            connections = shared.connections.load(Ordering::SeqCst),
            "listener closed"
        );
        self.send_all(|| Message::CloseIdle);
        let mut time = RunTime::new(Instant::now(), LONGEST_LOOK);
        while shared.connections.load(Ordering::SeqCst) > 0
            && time.advance(Instant::now()) < profile.deadline
        {
            tokio::time::sleep(LOOK).await;
        }
        let mut cut = 0;
        for sender in &self.senders {
            let (reply, count) = oneshot::channel();
            if sender.send(Message::Cut(reply)).is_ok() {
                cut += count.await.unwrap_or(0);
            }
        }
        if cut == 0 {
            DrainResult::Complete
        } else {
            DrainResult::Cut(cut)
        }
    }

    fn stop(self) {
        self.send_all(|| Message::Stop);
        for thread in self.threads {
            // A panic has been printed to stderr.
            drop(thread.join());
        }
    }
}
