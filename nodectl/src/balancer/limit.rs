//! The limit of connections, and which of them make room when it is reached.

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::notice::Reporter;
use super::stats::Stats;

/// A connection over which nothing has passed for this long may be closed to make room. Shorter, and an
/// exchange that waits for its answer would be cut off; longer, and clients that only connect could keep
/// the others out.
const IDLE: Duration = Duration::from_secs(1);

/// How often a client that waits for room looks for connections that have become idle.
const RETRY: Duration = Duration::from_millis(100);

/// Counts the connections of all threads, and knows the longest idle.
pub(super) struct Limit {
    most: usize,
    started: Instant,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    open: usize,
    next_id: u64,
    /// By the moment of their last traffic as it was known when they were put here, and by ID. The
    /// moment is a lower bound, which is corrected when a connection comes first.
    by_traffic: BTreeMap<(u64, u64), Arc<Pair>>,
}

/// A client's connection and the one to its pod.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) client: TcpStream,
    pub(super) pod: TcpStream,
    id: u64,
    /// Its key in [`State::by_traffic`]; changed under the lock only.
    known: AtomicU64,
    /// When something last passed, in milliseconds since the start.
    traffic: AtomicU64,
}

impl Limit {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            started: Instant::now(),
            state: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// Room for one more connection. When there is none, the longest idle connection is closed; when
    /// none is idle, the caller waits.
    pub(super) async fn take(self: &Arc<Self>, stats: &Stats, reporter: &Reporter) -> Place {
        loop {
            if let Some(place) = self.try_take() {
                return place;
            }
            if self.evict() {
                Stats::count(&stats.evicted);
            }
            reporter.full(self.most, stats.evicted.load(Ordering::Relaxed));
            // Idle ones may come to be without anything being freed.
            let _ = timeout(RETRY, self.freed.notified()).await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.lock();
        if state.open >= self.most {
            return None;
        }
        state.open += 1;
        Some(Place(Arc::clone(self)))
    }

    /// Closes the connection that has been idle for the longest, if it has been for [`IDLE`].
    fn evict(&self) -> bool {
        let now = self.now();
        let mut state = self.lock();
        while let Some(((known, id), pair)) = state.by_traffic.pop_first() {
            let traffic = pair.traffic.load(Ordering::Relaxed);
            let idle = now.saturating_sub(traffic) >= millis(IDLE);
            if traffic > known || !idle {
                pair.known.store(traffic, Ordering::Relaxed);
                state.by_traffic.insert((traffic, id), pair);
                if traffic > known {
                    continue;
                }
                return false;
            }
            drop(state);
            pair.close();
            return true;
        }
        false
    }

    fn now(&self) -> u64 {
        millis(self.started.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No holder of the lock leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Pair {
    /// Ends both connections in order; the thread that relays them sees it.
    fn close(&self) {
        for stream in [&self.client, &self.pod] {
            // One that is closed by now is fine.
            let _ = SockRef::from(stream).shutdown(Shutdown::Both);
        }
    }
}

/// Room for one connection, given back when it is dropped.
pub(super) struct Place(Arc<Limit>);

impl Place {
    /// Registers a connection that has reached its pod: from here on it may make room for others.
    pub(super) fn register(self, client: TcpStream, pod: TcpStream) -> Registered {
        let now = self.0.now();
        let mut state = self.0.lock();
        let id = state.next_id;
        state.next_id += 1;
        let pair = Arc::new(Pair {
            client,
            pod,
            id,
            known: AtomicU64::new(now),
            traffic: AtomicU64::new(now),
        });
        state.by_traffic.insert((now, id), Arc::clone(&pair));
        drop(state);
        Registered { pair, place: self }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().open -= 1;
        self.0.freed.notify_one();
    }
}

/// A registered connection.
pub(super) struct Registered {
    pub(super) pair: Arc<Pair>,
    place: Place,
}

impl Registered {
    /// Notes that something has passed.
    pub(super) fn touch(&self) {
        let now = self.place.0.now();
        self.pair.traffic.store(now, Ordering::Relaxed);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut state = self.place.0.lock();
        let key = (self.pair.known.load(Ordering::Relaxed), self.pair.id);
        state.by_traffic.remove(&key);
    }
}
