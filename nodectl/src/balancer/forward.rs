//! Takes connections and passes them on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::Pool;
use super::pool::Place;

/// A pod on this machine answers a SYN in microseconds; one that does not in a second is stuck.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection waits for a pod when none is ready: long enough for a restart.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pod whose network is gone sends nothing any more, not even a reset; probed, it is found out
/// within 4 s.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(1))
    .with_interval(Duration::from_secs(1))
    .with_retries(3);

/// A client may be idle for as long as it likes, but one that is gone, as after a change of networks, is
/// found out within two minutes.
const CLIENT_KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_mins(1))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

/// What each direction of a connection may hold.
const BUFFER_BYTES: usize = 16 * 1024;

/// Connections at once, unless [`Forwarder::limit`] sets another number; more wait in the listener's
/// backlog. Two sockets and 32 KiB each.
const MAX_CONNECTIONS: usize = 4096;

/// What a forwarder has done.
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections passed on.
    pub forwarded: AtomicU64,
    /// Tries that a pod refused, and that went to another.
    pub retried: AtomicU64,
    /// Connections that no pod took.
    pub refused: AtomicU64,
    /// How often the limit of connections was reached.
    pub full: AtomicU64,
}

/// Passes the connections of one listener on to the pods of one pool.
pub struct Forwarder {
    listener: TcpListener,
    pool: Arc<Pool>,
    stats: Arc<Stats>,
    places: Arc<Semaphore>,
    on_full: Box<dyn Fn() + Send + Sync>,
}

impl Forwarder {
    /// A forwarder that has not begun.
    pub fn new(listener: TcpListener, pool: Arc<Pool>) -> Self {
        Self {
            listener,
            pool,
            stats: Arc::default(),
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            on_full: Box::new(|| ()),
        }
    }

    /// Shares a limit of connections with other forwarders; `on_full` is called each time that it has
    /// been reached, before a client has to wait.
    #[must_use]
    pub fn limit(self, places: Arc<Semaphore>, on_full: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            places,
            on_full: Box::new(on_full),
            ..self
        }
    }

    /// What it has done so far.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Runs until `stop` is true: then it takes no more connections, and returns when those under
    /// way have ended or `stop`'s sender is gone.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            let place = if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                place
            } else {
                self.stats.full.fetch_add(1, Ordering::Relaxed);
                (self.on_full)();
                tokio::select! {
                    Ok(place) = Arc::clone(&self.places).acquire_owned() => place,
                    _ = stop.wait_for(|stop| *stop) => break,
                }
            };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((client, _)) => {
                    let pool = Arc::clone(&self.pool);
                    let stats = Arc::clone(&self.stats);
                    connections.spawn(async move {
                        forward(client, &pool, &stats).await;
                        drop(place);
                    });
                }
                // Out of file descriptors, or a connection that is gone already: a moment's pause
                // keeps the first from becoming a busy loop.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        drop(self.listener);
        let gone = async { while stop.changed().await.is_ok() {} };
        tokio::select! {
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = gone => {}
        }
    }
}

async fn forward(mut client: TcpStream, pool: &Pool, stats: &Stats) {
    let Some((mut pod, _place)) = connect(pool, stats).await else {
        stats.refused.fetch_add(1, Ordering::Relaxed);
        // A reset says that nobody was there, where an orderly end would look like an answer.
        let _ = client.set_zero_linger();
        return;
    };
    stats.forwarded.fetch_add(1, Ordering::Relaxed);
    let _ = SockRef::from(&client).set_tcp_keepalive(&CLIENT_KEEPALIVE);
    let _ = client.set_nodelay(true);
    let _ = pod.set_nodelay(true);
    let _ = SockRef::from(&pod).set_tcp_keepalive(&KEEPALIVE);
    let copied =
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut pod, BUFFER_BYTES, BUFFER_BYTES)
            .await;
    if copied.is_err() {
        // One side was reset: the other is to see it too.
        let _ = client.set_zero_linger();
        let _ = pod.set_zero_linger();
    }
}

/// Connects to a pod; each ready pod is tried, and if all refuse or there are none, a change is
/// waited for.
async fn connect(pool: &Pool, stats: &Stats) -> Option<(TcpStream, Place)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut tried: Vec<SocketAddr> = Vec::new();
        let changed = pool.changed();
        tokio::pin!(changed);
        // From here on no change is missed.
        changed.as_mut().enable();
        while let Some(place) = pool.pick(&tried) {
            let address = place.target().address;
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Some((stream, place)),
                Ok(Err(error)) if local_shortage(&error) => return None,
                _ => {
                    stats.retried.fetch_add(1, Ordering::Relaxed);
                    tried.push(address);
                }
            }
        }
        // A pod that has just died is still in the pool; it is asked again shortly.
        let pause = Instant::now() + Duration::from_millis(100);
        let _ = timeout_at(pause.min(deadline), changed).await;
        if Instant::now() >= deadline {
            return None;
        }
    }
}

/// The fault is here, not at the pod: no file descriptor or no port is left.
fn local_shortage(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(nix::errno::Errno::from_raw),
        Some(
            nix::errno::Errno::EMFILE
                | nix::errno::Errno::ENFILE
                | nix::errno::Errno::EADDRNOTAVAIL
        )
    )
}
