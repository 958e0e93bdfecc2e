//! The connection limit, and the eviction of idle connections when it is reached.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::notice::Reporter;
use super::socket::{close_both, reset_on_drop};
use super::stats::Stats;
use super::wake::Waker;

/// A connection without traffic for this long may be closed to make room. A shorter time would cut off
/// requests that wait for a response; a longer one would let clients that only connect exclude others.
const IDLE: Duration = Duration::from_secs(1);

/// Counts the connections of all threads, and finds the longest idle one.
pub(super) struct Limit {
    most: usize,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: usize,
    next_id: u64,
    /// By the time of their last traffic, as known when they were inserted, and by ID. The time is a lower
    /// bound, which is corrected when a connection reaches the front.
    by_traffic: BTreeMap<(u64, u64), Arc<Pair>>,
    /// Threads that wait for room.
    waiting: Vec<Arc<Waker>>,
}

/// A client's connection and the one to its pod.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) client: TcpStream,
    pub(super) pod: TcpStream,
    id: u64,
    /// Its key in [`State::by_traffic`]; changed under the lock only.
    known: AtomicU64,
    /// The time of the last traffic, in milliseconds since the start.
    traffic: AtomicU64,
}

impl Limit {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            started: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// Reserves room for one more connection. If there is none, the longest idle connection is closed, and
    /// the thread is woken once there is room; if none is idle, the thread has to retry on its own.
    pub(super) fn take(
        self: &Arc<Self>,
        waker: &Arc<Waker>,
        stats: &Stats,
        reporter: &Reporter,
        now: Instant,
    ) -> Option<Place> {
        if let Some(place) = self.try_take(waker) {
            return Some(place);
        }
        if self.evict(now) {
            Stats::count(&stats.evicted);
        }
        reporter.full(self.most, stats.evicted.load(Ordering::Relaxed));
        None
    }

    fn try_take(self: &Arc<Self>, waker: &Arc<Waker>) -> Option<Place> {
        let mut state = self.lock();
        if state.open >= self.most {
            if !state.waiting.iter().any(|one| Arc::ptr_eq(one, waker)) {
                state.waiting.push(Arc::clone(waker));
            }
            return None;
        }
        state.open += 1;
        Some(Place(Arc::clone(self)))
    }

    /// Closes the connection that has been idle for the longest, if it has been for [`IDLE`].
    fn evict(&self, now: Instant) -> bool {
        let now = self.millis_at(now);
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

    fn millis_at(&self, now: Instant) -> u64 {
        millis(now.saturating_duration_since(self.started))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No holder of the lock leaves it inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Pair {
    /// Shuts down both connections; the thread that relays them notices.
    fn close(&self) {
        close_both(&self.client);
        close_both(&self.pod);
    }
}

/// Room for one connection, released when dropped.
pub(super) struct Place(Arc<Limit>);

impl Place {
    /// Registers a connection that has reached its pod: from now on it may be evicted.
    pub(super) fn register(self, client: TcpStream, pod: TcpStream, now: Instant) -> Registered {
        let now = self.0.millis_at(now);
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
        let mut state = self.0.lock();
        state.open -= 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for waker in waiting {
            waker.wake();
        }
    }
}

/// A registered connection.
pub(super) struct Registered {
    pub(super) pair: Arc<Pair>,
    place: Place,
}

impl Registered {
    /// Reverses [`Place::register`], without the pod's connection.
    ///
    /// # Errors
    /// When this process has no file descriptor left; the client is reset, since an orderly close would look
    /// like a response.
    pub(super) fn unregister(self) -> io::Result<(TcpStream, Place)> {
        let client = &self.pair.client;
        let client = client.try_clone().inspect_err(|_| reset_on_drop(client))?;
        let limit = Arc::clone(&self.place.0);
        // Dropping `self` releases one.
        limit.lock().open += 1;
        Ok((client, Place(limit)))
    }

    /// Notes traffic.
    pub(super) fn touch(&self, now: Instant) {
        let now = self.place.0.millis_at(now);
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
