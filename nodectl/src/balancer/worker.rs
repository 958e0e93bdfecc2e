//! One thread of the load balancer: waits for events and handles them.

use std::collections::VecDeque;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use super::attempts::{Attempts, Failure};
use super::limit::Limit;
use super::listener::Listener;
use super::notice::Reporter;
use super::opening::{CONNECT_TIMEOUT, Opening, Outcome};
use super::poll::{Events, Poll, Ready, Side, Source};
use super::ports::Ports;
use super::relay::{BUFFER_BYTES, Progress, Relay};
use super::slots::{Key, Slots};
use super::socket::is_exhausted;
use super::stats::Stats;
use super::wake::Waker;

/// Without a free file descriptor, `accept` fails immediately: a pause prevents a busy loop.
const PAUSE: Duration = Duration::from_millis(10);

/// How often a client that waits for room or for a pod is retried. A pod that has just died may still be
/// in the pool; it is retried after this time.
const RETRY: Duration = Duration::from_millis(100);

/// Clients accepted in a row: few, so that the threads share a burst.
const ACCEPTS: usize = 4;

/// A pod whose network is gone sends nothing, not even a reset; keepalive probes detect that within 4 s.
const POD_KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(1))
    .with_interval(Duration::from_secs(1))
    .with_retries(3);

/// Most connections are shorter and do not need keepalive, which takes four system calls to set up.
const POD_KEEPALIVE_AFTER: Duration = Duration::from_secs(1);

/// The state that all threads share.
pub(super) struct Shared {
    pub(super) stats: Arc<Stats>,
    pub(super) limit: Arc<Limit>,
    pub(super) reporter: Reporter,
    /// The listeners were shut down.
    pub(super) closing: AtomicBool,
    /// All connections are closed.
    pub(super) aborted: AtomicBool,
}

/// A client's connection.
enum Connection {
    Opening(Opening),
    Relaying(Relay),
}

/// The state of a thread.
pub(super) struct Worker {
    poll: Poll,
    waker: Arc<Waker>,
    shared: Arc<Shared>,
    listeners: Vec<Listener>,
    connections: Slots<Connection>,
    ports: Ports,
    buffer: Vec<u8>,
    /// The time of the events that are being handled.
    now: Instant,
    /// Connections with more to read after their turn.
    unfinished: Vec<Key>,
    /// Connections for which no pod was found.
    without_pod: Vec<Key>,
    /// When those without a pod are retried.
    retry_at: Instant,
    /// When each attempt to connect to a pod began, in order.
    asked: VecDeque<(Instant, Key)>,
    /// When pods accepted connections, in order.
    taken: VecDeque<(Instant, Key)>,
}

impl Worker {
    pub(super) fn new(listeners: Vec<Listener>, shared: Arc<Shared>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new()?);
        poll.add(&*waker, Source::Waker)?;
        for (number, listener) in (0..).zip(&listeners) {
            poll.add(listener.socket(), Source::Listener(number))?;
            listener.pool.wake_on_change(&waker);
        }
        let now = Instant::now();
        Ok(Self {
            poll,
            waker,
            shared,
            listeners,
            connections: Slots::new(),
            ports: Ports::default(),
            buffer: vec![0; BUFFER_BYTES],
            now,
            unfinished: Vec::new(),
            without_pod: Vec::new(),
            retry_at: now,
            asked: VecDeque::new(),
            taken: VecDeque::new(),
        })
    }

    pub(super) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Runs until it is aborted.
    pub(super) fn run(mut self) {
        let mut events = Events::new();
        while !self.shared.aborted.load(Ordering::Relaxed) {
            let timeout = self.timeout();
            self.poll
                .wait(&mut events, timeout)
                .expect("an epoll instance of this process's own can be waited for");
            self.now = Instant::now();
            for (source, ready) in events.iter() {
                self.on_event(source, ready);
            }
            for key in std::mem::take(&mut self.unfinished) {
                for side in Side::BOTH {
                    self.relay(key, side, Ready::READ);
                }
            }
            self.on_time();
            self.accept();
        }
    }

    fn on_event(&mut self, source: Source, ready: Ready) {
        match source {
            Source::Waker => {
                self.retry_at = self.now;
                for listener in &mut self.listeners {
                    listener.rests_until = None;
                }
            }
            Source::Listener(number) => {
                self.listeners[number as usize].ready = true;
            }
            Source::Connection(key, side) => match self.connections.get_mut(key) {
                // It was closed by an event before this one.
                None => {}
                Some(Connection::Relaying(_)) => self.relay(key, side, ready),
                Some(Connection::Opening(opening)) => match side {
                    Side::Client => opening.on_client(ready),
                    Side::Pod => match opening.on_pod(ready) {
                        None => {}
                        Some(true) => {
                            self.pod_took(key);
                            // First the pod, which may have closed the connection already.
                            self.relay(key, Side::Pod, ready);
                            self.relay(key, Side::Client, Ready::READ);
                        }
                        Some(false) => self.ask_next(key),
                    },
                },
            },
        }
    }

    /// Copies what an event allows.
    fn relay(&mut self, key: Key, side: Side, ready: Ready) {
        let Some(Connection::Relaying(relay)) = self.connections.get_mut(key) else {
            return;
        };
        match relay.on_event(side, ready, &mut self.buffer, self.now) {
            Progress::Waiting => {}
            Progress::More => {
                if self.unfinished.last() != Some(&key) {
                    self.unfinished.push(key);
                }
            }
            Progress::Unused => self.ask_again(key),
            Progress::Done => drop(self.connections.remove(key)),
        }
    }

    /// Connects to another pod in place of one that closed the connection before any byte had passed.
    fn ask_again(&mut self, key: Key) {
        let mut failed = None;
        let stats = &self.shared.stats;
        self.connections.change(key, |connection| match connection {
            Connection::Relaying(relay) => Opening::again(relay.into_unused(), stats)
                .map_err(|error| failed = Some(error))
                .map(Connection::Opening)
                .ok(),
            opening @ Connection::Opening(_) => Some(opening),
        });
        match failed {
            None => self.ask_next(key),
            // The client was reset.
            Some(error) => {
                Stats::count(&self.shared.stats.refused);
                self.shared.reporter.exhausted(error);
            }
        }
    }

    /// Accepts clients as long as there is room for them.
    fn accept(&mut self) {
        for number in 0..self.listeners.len() {
            for _ in 0..ACCEPTS {
                let listener = &mut self.listeners[number];
                let resting = listener.rests_until.is_some_and(|until| self.now < until);
                if resting || !(listener.ready || listener.is_holding()) {
                    break;
                }
                listener.rests_until = None;
                match listener.next() {
                    Ok(None) => break,
                    Ok(Some(client)) => self.take(number, client),
                    Err(_) if self.shared.closing.load(Ordering::Relaxed) => {
                        listener.ready = false;
                    }
                    Err(error) => {
                        listener.rests_until = Some(self.now + PAUSE);
                        if is_exhausted(&error) {
                            self.shared.reporter.exhausted(error);
                        }
                    }
                }
            }
        }
    }

    fn take(&mut self, number: usize, client: TcpStream) {
        let Shared {
            limit,
            stats,
            reporter,
            ..
        } = &*self.shared;
        let listener = &mut self.listeners[number];
        let Some(place) = limit.take(&self.waker, stats, reporter, self.now) else {
            listener.hold(client);
            listener.rests_until = Some(self.now + RETRY);
            return;
        };
        let attempts = Attempts::new(Arc::clone(&listener.service), Arc::clone(&listener.pool));
        // A client that has disconnected needs no pod.
        if let Ok(opening) = Opening::new(client, place, attempts, &mut self.buffer) {
            let key = self.connections.insert(Connection::Opening(opening));
            self.ask_next(key);
            self.watch(key, Side::Client);
        }
    }

    /// Connects to the next pod.
    fn ask_next(&mut self, key: Key) {
        let Some(Connection::Opening(opening)) = self.connections.get_mut(key) else {
            return;
        };
        match opening.try_next(&self.shared.stats, &mut self.ports, self.now) {
            Outcome::Asked => {
                self.asked.push_back((self.now, key));
                self.watch(key, Side::Pod);
            }
            Outcome::Taken => {
                self.pod_took(key);
                self.watch(key, Side::Pod);
            }
            Outcome::NoPod if opening.has_expired(self.now) => {
                if let Some((service, failure)) = self.refuse(key) {
                    self.shared.reporter.unserved(service, failure);
                }
            }
            Outcome::NoPod => {
                if self.without_pod.is_empty() {
                    self.retry_at = self.now + RETRY;
                }
                self.without_pod.push(key);
            }
            // The client does not wait: the kernel's search for a free port takes milliseconds.
            Outcome::OutOfPorts(address) => {
                self.shared.reporter.out_of_ports(address);
                self.refuse(key);
            }
            Outcome::Exhausted(error) => self.refuse_exhausted(key, error),
        }
    }

    /// Watches a side of a connection from now on; pending data is an event too.
    fn watch(&mut self, key: Key, side: Side) {
        let stream = match (self.connections.get_mut(key), side) {
            (None, _) => return,
            (Some(Connection::Opening(opening)), Side::Client) => Some(opening.client()),
            (Some(Connection::Opening(opening)), Side::Pod) => opening.pod(),
            (Some(Connection::Relaying(relay)), side) => Some(relay.stream(side)),
        };
        let Some(stream) = stream else { return };
        if let Err(error) = self.poll.add(stream, Source::Connection(key, side)) {
            self.refuse_exhausted(key, error);
        }
    }

    /// Relays from now on.
    fn pod_took(&mut self, key: Key) {
        let now = self.now;
        self.connections.change(key, |connection| match connection {
            Connection::Opening(opening) => opening.taken(now).map(Connection::Relaying),
            relaying @ Connection::Relaying(_) => Some(relaying),
        });
        Stats::count(&self.shared.stats.forwarded);
        self.taken.push_back((now, key));
    }

    /// Refuses a client for which this process has no file descriptor left.
    fn refuse_exhausted(&mut self, key: Key, error: io::Error) {
        self.shared.reporter.exhausted(error);
        self.refuse(key);
    }

    /// Refuses a client; returns the Service that it connected to, and the last failed attempt.
    fn refuse(&mut self, key: Key) -> Option<(Arc<str>, Option<Failure>)> {
        let Some(Connection::Opening(opening)) = self.connections.remove(key) else {
            return None;
        };
        Stats::count(&self.shared.stats.refused);
        Some(opening.refuse())
    }

    /// Handles expired timers.
    fn on_time(&mut self) {
        if self.now >= self.retry_at {
            for key in std::mem::take(&mut self.without_pod) {
                self.ask_next(key);
            }
        }
        while let Some((asked, key)) = due(&mut self.asked, CONNECT_TIMEOUT, self.now) {
            if self.is_asking(asked, key) {
                self.ask_next(key);
            }
        }
        while let Some((_, key)) = due(&mut self.taken, POD_KEEPALIVE_AFTER, self.now) {
            if let Some(Connection::Relaying(relay)) = self.connections.get_mut(key) {
                let _ = SockRef::from(relay.stream(Side::Pod)).set_tcp_keepalive(&POD_KEEPALIVE);
            }
        }
    }

    fn is_asking(&mut self, asked: Instant, key: Key) -> bool {
        let connection = self.connections.get_mut(key);
        matches!(connection, Some(Connection::Opening(opening)) if opening.has_waited_since(asked))
    }

    /// How long to wait for events: until the next timer expires.
    fn timeout(&mut self) -> Option<Duration> {
        if !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        // Timers of connections that have progressed are obsolete.
        while let Some(&(asked, key)) = self.asked.front()
            && !self.is_asking(asked, key)
        {
            self.asked.pop_front();
        }
        while let Some(&(_, key)) = self.taken.front()
            && self.connections.get_mut(key).is_none()
        {
            self.taken.pop_front();
        }
        let after = |queue: &VecDeque<(Instant, Key)>, delay| Some(queue.front()?.0 + delay);
        let accepting = self
            .listeners
            .iter()
            .filter(|listener| listener.ready || listener.is_holding())
            .map(|listener| listener.rests_until.unwrap_or(self.now));
        let retry = (!self.without_pod.is_empty()).then_some(self.retry_at);
        let next = accepting
            .chain(retry)
            .chain(after(&self.asked, CONNECT_TIMEOUT))
            .chain(after(&self.taken, POD_KEEPALIVE_AFTER))
            .min()?;
        Some(next.saturating_duration_since(self.now))
    }
}

/// Pops the first of a queue once `delay` has passed since its time.
fn due(
    queue: &mut VecDeque<(Instant, Key)>,
    delay: Duration,
    now: Instant,
) -> Option<(Instant, Key)> {
    queue.pop_front_if(|(since, _)| now >= *since + delay)
}
