//! The state that all threads of the process share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::Level;

use crate::clock;
use crate::edge::memory::Budget;
use crate::faults::{Faults, Load};
use crate::greeting::Greeting;
use crate::lifecycle::{DrainResult, Lifecycle};
use crate::logs::{Filter, Logs};
use crate::metrics::counters::Counters;
use crate::metrics::render::Snapshot;
use crate::run_time::RunTime;
use crate::settings::Settings;
use crate::visits::Visits;

/// How often the main thread advances the time that the process has run.
const PULSE: Duration = Duration::from_millis(500);

/// The process's state.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) life: Lifecycle,
    pub(crate) greeting: Greeting,
    pub(crate) visits: Arc<Visits>,
    /// One for each worker.
    pub(crate) counters: Vec<Arc<Counters>>,
    /// The memory budget of all clients.
    pub(crate) budget: Arc<Budget>,
    /// Open public connections of all workers, for the limit.
    pub(crate) connections: AtomicUsize,
    /// The same, by worker: a connection counts from the moment it is given to one.
    pub(crate) assigned: Vec<AtomicUsize>,
    pub(crate) logs: Logs,
    pub(crate) filter: Filter,
    /// Whether the filter passes lines of requests, cached for the hot path.
    pub(crate) logs_requests: AtomicBool,
    /// Whether it passes lines of probes, which have the level debug.
    pub(crate) logs_probes: AtomicBool,
    faults: Mutex<Faults>,
    /// Incremented with every change of the faults.
    faults_generation: AtomicU64,
    pub(crate) load: Load,
    /// The result of this process's drain, once there is one.
    pub(crate) drained: OnceLock<DrainResult>,
    /// The result of the previous process's drain, if the data directory contains it.
    pub(crate) last_drain: OnceLock<DrainResult>,
    pub(crate) started: Instant,
    /// Time that the process was able to run, by which stuck workers are found.
    run_millis: AtomicU64,
    /// Since 1970.
    pub(crate) started_unix: Duration,
    #[cfg(feature = "otlp")]
    pub(crate) spans: crate::otlp::Spans,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        workers: usize,
        memory_bytes: u64,
        logs: Logs,
        filter: Filter,
        #[cfg(feature = "otlp")] spans: crate::otlp::Spans,
    ) -> Self {
        let counters: Vec<Arc<Counters>> = (0..workers).map(|_| Arc::default()).collect();
        Self {
            visits: Visits::start(settings.data_dir.clone()),
            greeting: Greeting::new(&settings.greeting),
            life: Lifecycle::default(),
            budget: Arc::new(Budget::new(memory_bytes, counters.clone())),
            counters,
            connections: AtomicUsize::new(0),
            assigned: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            logs_requests: AtomicBool::new(filter.logs_requests(Level::INFO)),
            logs_probes: AtomicBool::new(filter.logs_requests(Level::DEBUG)),
            logs,
            filter,
            faults: Mutex::default(),
            faults_generation: AtomicU64::new(0),
            load: Load::default(),
            drained: OnceLock::new(),
            last_drain: OnceLock::new(),
            started: Instant::now(),
            run_millis: AtomicU64::new(0),
            started_unix: clock::unix_now(),
            settings,
            #[cfg(feature = "otlp")]
            spans,
        }
    }

    /// The worker with the fewest connections; the first of several.
    pub(crate) fn least_loaded(&self) -> usize {
        let loads = self
            .assigned
            .iter()
            .map(|load| load.load(Ordering::Relaxed));
        loads
            .enumerate()
            .min_by_key(|(_, load)| *load)
            .map_or(0, |(index, _)| index)
    }

    /// Milliseconds that the process has run, as of the main thread's last [`pulse`](Self::pulse).
    pub(crate) fn run_millis(&self) -> u64 {
        self.run_millis.load(Ordering::Relaxed)
    }

    /// Advances [`run_millis`](Self::run_millis) for as long as it is polled.
    pub(crate) async fn pulse(&self) {
        let mut time = RunTime::new(Instant::now(), PULSE * 2);
        loop {
            tokio::time::sleep(PULSE).await;
            let millis = time.advance(Instant::now()).as_millis();
            // 584 million years fit.
            let millis = u64::try_from(millis).unwrap_or(u64::MAX);
            self.run_millis.store(millis, Ordering::Relaxed);
        }
    }

    /// Updates the cache after a change of the log filter.
    pub(crate) fn refresh_log_switches(&self) {
        self.logs_requests
            .store(self.filter.logs_requests(Level::INFO), Ordering::Relaxed);
        self.logs_probes
            .store(self.filter.logs_requests(Level::DEBUG), Ordering::Relaxed);
    }

    /// What the metrics show.
    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        let errors = || self.visits.errors.load(Ordering::Relaxed);
        Snapshot {
            counters: &self.counters,
            state: self.life.state(),
            drained: self.drained.get().copied(),
            last_drain: self.last_drain.get().copied(),
            config_digest: &self.settings.digest,
            visits: self.visits.total(),
            visits_errors: self.settings.data_dir.as_ref().map(|_| errors()),
            logs_dropped: self.logs.dropped(),
            started_unix: self.started_unix,
            #[cfg(feature = "otlp")]
            spans: self.spans.figures(),
        }
    }

    pub(crate) fn faults(&self) -> Faults {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults_generation(&self) -> u64 {
        self.faults_generation.load(Ordering::Acquire)
    }

    /// Applies faults, their load included.
    ///
    /// # Errors
    /// If the load cannot be applied.
    pub(crate) fn set_faults(&self, faults: Faults) -> Result<(), String> {
        self.load.set(faults.memory_bytes, faults.cpu)?;
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
        self.faults_generation.fetch_add(1, Ordering::Release);
        Ok(())
    }
}
