//! A request that a fault befalls.

use actix_http::{Request, Response, StatusCode};

use super::answer::{AnswerBody, refuse};
use super::dispatch;
use super::exchange::Exchange;
use crate::edge::conn::Verdict;
use crate::faults::Faults;

/// Does to the request what `faults` say, in the order a bad day would: it is slow, and then it
/// fails.
pub(super) async fn handle(
    exchange: Exchange,
    request: Request,
    faults: Faults,
) -> Response<AnswerBody> {
    exchange.worker.counters.faults.add(1);
    let delay = faults.delay(exchange.number);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if faults.abort {
        exchange.worker.counters.ended(Verdict::Abort);
        exchange.conn.end(Verdict::Abort);
        // The stream resets the connection; there is nothing left to do.
        return std::future::pending().await;
    }
    match faults
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
    {
        Some(status) => refuse(exchange, status, "a fault was injected"),
        None => dispatch::handle(exchange, request).await,
    }
}
