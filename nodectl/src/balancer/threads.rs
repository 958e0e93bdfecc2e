//! Starts and stops the threads of the load balancer.

use std::io;
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::limit::Limit;
use super::listener::Listener;
use super::notice::{Notice, Reporter};
use super::wake::Waker;
use super::worker::{Shared, Worker};
use super::{Pool, Stats};

/// A client may be idle for any time, but a vanished one, as after a change of networks, is detected
/// within two minutes.
const CLIENT_KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_mins(1))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);

/// More connections than one machine's pods serve, and few enough for its memory: the kernel uses about
/// 10 KiB for the two sockets of an idle connection.
const MAX_CONNECTIONS: usize = 16_384;

/// File descriptors for everything else in this process: containerd, probes, logs, files.
const RESERVED_FILES: usize = 1000;

/// The connections that a limit on open files allows, two files each.
pub fn connections_for(open_files: u64) -> usize {
    let files = usize::try_from(open_files).unwrap_or(usize::MAX);
    let rest = files.saturating_sub(RESERVED_FILES).max(files / 2);
    (rest / 2).clamp(1, MAX_CONNECTIONS)
}

/// The limit on open files for which [`connections_for`] returns the most connections.
pub const OPEN_FILES: u64 = (2 * MAX_CONNECTIONS + RESERVED_FILES) as u64;

/// A listener, and the pods that its connections go to.
#[derive(Debug)]
pub struct Port {
    /// The Service's name.
    pub service: Arc<str>,
    /// Where clients connect.
    pub listener: TcpListener,
    /// The pods.
    pub pool: Arc<Pool>,
}

/// How the load balancer runs.
pub struct Settings {
    /// Threads, at least one.
    pub threads: usize,
    /// The most connections at once, over all ports. At this limit, the longest idle ones are closed for
    /// new ones.
    pub max_connections: usize,
    /// Called with notices to the operator.
    pub on_notice: Box<dyn Fn(Notice) + Send + Sync>,
}

/// A running load balancer. Dropping it closes all connections.
pub struct Balancer {
    threads: Vec<(Arc<Waker>, JoinHandle<()>)>,
    listeners: Vec<TcpListener>,
    shared: Arc<Shared>,
}

impl Balancer {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system has no thread or no file descriptor for them.
    pub fn start(ports: Vec<Port>, settings: Settings) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            stats: Arc::default(),
            limit: Arc::new(Limit::new(settings.max_connections)),
            reporter: Reporter::new(settings.on_notice),
            closing: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
        });
        for Port { listener, .. } in &ports {
            listener.set_nonblocking(true)?;
            // Each accepted socket inherits these, without system calls of its own (tcp(7)).
            let socket = SockRef::from(listener);
            socket.set_tcp_keepalive(&CLIENT_KEEPALIVE)?;
            socket.set_tcp_nodelay(true)?;
        }
        let mut balancer = Self {
            threads: Vec::new(),
            listeners: Vec::new(),
            shared,
        };
        for _ in 0..settings.threads.max(1) {
            let thread = balancer.thread(&ports)?;
            balancer.threads.push(thread);
        }
        balancer.listeners = ports.into_iter().map(|port| port.listener).collect();
        Ok(balancer)
    }

    fn thread(&self, ports: &[Port]) -> io::Result<(Arc<Waker>, JoinHandle<()>)> {
        let mut listeners = Vec::new();
        for Port {
            service,
            listener,
            pool,
        } in ports
        {
            // All threads share a socket, and whichever is free accepts. A socket for each, with SO_REUSEPORT,
            // would let another process take a share of the clients.
            let socket = listener.try_clone()?;
            listeners.push(Listener::new(socket, Arc::clone(service), Arc::clone(pool)));
        }
        let worker = Worker::new(listeners, Arc::clone(&self.shared))?;
        let waker = worker.waker();
        let thread = thread::Builder::new()
            .name("balancer".to_owned())
            .spawn(|| worker.run())?;
        Ok((waker, thread))
    }

    /// Its counters.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.shared.stats)
    }

    /// Refuses new connections from now on; open ones continue.
    pub fn stop_listening(&self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        for listener in &self.listeners {
            // Takes effect immediately, for every thread's descriptor.
            let _ = SockRef::from(listener).shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.stop_listening();
        self.shared.aborted.store(true, Ordering::Relaxed);
        for (waker, thread) in self.threads.drain(..) {
            waker.wake();
            // A thread that panicked has reported it.
            let _ = thread.join();
        }
    }
}
