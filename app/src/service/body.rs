//! Reading a request's body, up to a limit and at the minimum rate.

use std::future::poll_fn;
use std::pin::Pin;

use actix_http::error::PayloadError;
use actix_http::{Payload, StatusCode};
use bytes::{Bytes, BytesMut};
use futures_core::Stream as _;
use thiserror::Error;

use crate::edge::conn::Conn;

/// Why a body cannot be read.
#[derive(Debug, Error)]
pub(crate) enum BodyError {
    /// Larger than the limit.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// Malformed, or cut short by the client.
    #[error("the body cannot be read: {0}")]
    Malformed(PayloadError),
}

impl BodyError {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads the whole body. The watch closes the connection if it stalls.
pub(crate) async fn read(
    conn: &Conn,
    mut payload: Payload,
    limit: usize,
) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::new();
    loop {
        let next = poll_fn(|context| {
            let polled = Pin::new(&mut payload).poll_next(context);
            if polled.is_pending() {
                conn.on_body_wait();
            }
            polled
        });
        match next.await {
            None => break,
            Some(Err(error)) => return Err(BodyError::Malformed(error)),
            Some(Ok(chunk)) if whole.len() + chunk.len() > limit => {
                return Err(BodyError::TooLarge(limit));
            }
            Some(Ok(chunk)) => whole.extend_from_slice(&chunk),
        }
    }
    conn.on_body_end();
    Ok(whole.freeze())
}
