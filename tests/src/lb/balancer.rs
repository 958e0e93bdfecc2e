//! The balancer's thread, and the handle that a test controls it with.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::rules::{Layer, Rules};
use super::table::{Counters, Table, lock};
use super::target::Health;
use super::{check, flow, requests};

/// Connections that may wait to be accepted: high, because bursts of clients are not under test.
const BACKLOG: u32 = 4096;

/// A running load balancer. Dropping it closes every connection and stops its thread.
#[derive(Debug)]
pub struct LoadBalancer {
    address: SocketAddr,
    table: Arc<Mutex<Table>>,
    /// The thread returns when this is dropped.
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    /// Start checking a target.
    Check(u64),
    /// A target was deregistered.
    Forget(u64),
}

impl LoadBalancer {
    /// Starts a balancer on a port of the loopback.
    ///
    /// # Errors
    /// When no port is free or no thread starts.
    pub fn start(rules: Rules) -> io::Result<Self> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), None, rules)
    }

    /// Starts a balancer on an address of this machine, which terminates TLS if it has a
    /// certificate.
    ///
    /// # Errors
    /// When the address is taken or no thread starts.
    pub fn listen(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        rules: Rules,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _entered = runtime.enter();
            let socket = TcpSocket::new_v4()?;
            // Connections of an earlier balancer may still be in TIME_WAIT.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)?
        };
        let address = listener.local_addr()?;
        let table = Arc::new(Mutex::new(Table::new(rules)));
        let (orders, received) = mpsc::unbounded_channel();
        let shared = Arc::clone(&table);
        let thread = std::thread::Builder::new()
            .name("lb".into())
            .spawn(move || {
                runtime.block_on(serve(
                    listener,
                    tls.map(TlsAcceptor::from),
                    &shared,
                    received,
                ));
            })?;
        Ok(Self {
            address,
            table,
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a target: it is checked from now on.
    pub fn register(&self, target: SocketAddr) {
        let id = lock(&self.table).register(target);
        self.order(Order::Check(id));
    }

    /// Deregisters a target: as at AWS, it takes effect late.
    ///
    /// # Panics
    /// When no such target is registered.
    pub fn deregister(&self, target: SocketAddr) {
        let id = lock(&self.table)
            .deregister(target, Instant::now())
            .unwrap_or_else(|| panic!("{target} is not registered"));
        self.order(Order::Forget(id));
    }

    /// The health of the target registered at this address.
    pub fn health(&self, target: SocketAddr) -> Option<Health> {
        let table = lock(&self.table);
        let mut targets = table.targets.iter();
        targets
            .find(|known| known.address == target && known.deregistered.is_none())
            .map(|known| known.health)
    }

    /// Waits until a target has this health, and returns whether it did within the timeout.
    pub fn wait_for(&self, target: SocketAddr, health: Health, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while self.health(target) != Some(health) {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// What it did so far.
    pub fn counters(&self) -> Counters {
        lock(&self.table).counters
    }

    /// The thread receives orders for as long as this exists.
    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(order);
        }
    }
}

impl Drop for LoadBalancer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Accepts connections and handles orders until the balancer is dropped; then every task is aborted.
async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    table: &Arc<Mutex<Table>>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => {
                let table = Arc::clone(table);
                match order {
                    None => return,
                    Some(Order::Check(id)) => {
                        tasks.spawn(async move { check::keep_checking(&table, id).await });
                    }
                    Some(Order::Forget(id)) => {
                        tasks.spawn(async move { forget(&table, id).await });
                    }
                }
            }
            accepted = listener.accept() => {
                // Out of file descriptors: the client waits in the backlog and reports its own failure.
                let Ok((client, _)) = accepted else { continue };
                let table = Arc::clone(table);
                let (layer, tls) = (lock(&table).rules.layer, tls.clone());
                match layer {
                    Layer::Connections => {
                        tasks.spawn(async move { flow::carry(&table, client, tls).await });
                    }
                    Layer::Requests => {
                        tasks.spawn(async move { requests::serve(&table, client, tls).await });
                    }
                }
            }
        }
        while tasks.try_join_next().is_some() {}
    }
}

/// Removes a deregistered target after its lag and delay.
async fn forget(table: &Mutex<Table>, id: u64) {
    let rules = lock(table).rules.clone();
    if rules.reset_after_deregistration {
        sleep(rules.deregistration_delay).await;
        check::reset(table, id);
        sleep(
            rules
                .deregistration_lag
                .saturating_sub(rules.deregistration_delay),
        )
        .await;
    } else {
        sleep(rules.deregistration_lag.max(rules.deregistration_delay)).await;
    }
    lock(table).remove(id);
}
