//! Accepts the connections of a listener and has each relayed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::Pool;
use super::connect::{Failure, connect};
use super::limit::{Limit, Place};
use super::notice::Reporter;
use super::relay::relay;
use super::stats::Stats;

/// Without a file descriptor, `accept` fails at once: a pause keeps that from becoming a busy loop.
const PAUSE: Duration = Duration::from_millis(10);

/// What all threads share.
pub(super) struct Shared {
    pub(super) stats: Arc<Stats>,
    pub(super) limit: Arc<Limit>,
    pub(super) reporter: Reporter,
    /// The listeners were shut down.
    pub(super) closing: AtomicBool,
}

/// Runs until the listener is shut down.
pub(super) async fn accept(listener: TcpListener, pool: Arc<Pool>, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let place = shared.limit.take(&shared.stats, &shared.reporter).await;
                let (pool, shared) = (Arc::clone(&pool), Arc::clone(&shared));
                tokio::spawn(async move { forward(client, place, &pool, &shared).await });
            }
            Err(_) if shared.closing.load(Ordering::Relaxed) => return,
            Err(error) => {
                // ECONNABORTED and the like are of a client that has gone.
                if super::connect::is_exhausted(&error) {
                    shared.reporter.exhausted(error);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn forward(client: TcpStream, place: Place, pool: &Pool, shared: &Shared) {
    let (pod, _target) = match connect(pool, &shared.stats).await {
        Ok(connected) => connected,
        Err(failure) => {
            if let Failure::Exhausted(error) = failure {
                shared.reporter.exhausted(error);
            }
            Stats::count(&shared.stats.refused);
            // A reset says that nobody was there, where an orderly end would look like an answer.
            let _ = client.set_zero_linger();
            return;
        }
    };
    Stats::count(&shared.stats.forwarded);
    let _ = pod.set_nodelay(true);
    relay(&place.register(client, pod)).await;
}
