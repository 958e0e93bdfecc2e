//! The order that a worker obeys.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Whether a pod runs or has to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::play) enum Order {
    /// It runs.
    Run,
    /// It has to stop: SIGTERM, then SIGKILL after this time.
    Stop(Duration),
}

/// Receives a worker's orders.
pub(super) type Orders = watch::Receiver<Order>;

/// Waits at most `limit` for the order to stop, and returns its grace period.
pub(super) async fn stop_within(orders: &mut Orders, limit: Duration) -> Option<Duration> {
    let stop = async {
        let order = orders.wait_for(|order| *order != Order::Run).await;
        match order.map(|order| *order) {
            Ok(Order::Stop(grace)) => grace,
            // The controller is gone, as after a panic: the next nodectl adopts the pods.
            _ => std::future::pending().await,
        }
    };
    timeout(limit, stop).await.ok()
}

/// Waits for an order with a shorter grace period than `grace`.
pub(super) async fn shorter_stop(orders: &mut Orders, grace: Duration) {
    let shorter = |order: &Order| matches!(order, Order::Stop(other) if *other < grace);
    if orders.wait_for(shorter).await.is_err() {
        std::future::pending::<()>().await;
    }
}
