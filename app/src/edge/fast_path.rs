//! The first requests of a connection, as long as all are plain: they are answered without actix-http,
//! which then allocates no buffer for the connection.
//!
//! The first bytes that are not a plain request go to actix-http, with all that follow. Only one of the
//! two serves a connection at a time, so responses cannot come out of order.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};

use super::conn::Conn;
use super::stream::EdgeStream;

/// The longest request that can be plain, in bytes: several times what any client sends for one.
const MOST_BYTES: usize = 2048;

/// Answers requests of its choice from their bytes.
pub(crate) trait AnswerPlain {
    /// Appends the whole response to `out` and reports it to `conn`, or does nothing and returns `None`:
    /// the request is not plain, or not whole, or more than one.
    fn answer(&self, conn: &Rc<Conn>, request: &[u8], out: &mut Vec<u8>) -> Option<After>;
}

/// What follows a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The next request.
    Keep,
    /// The connection is closed.
    Close,
}

/// A worker's buffers. No connection uses them while it waits, so one pair is enough.
pub(crate) struct Buffers(RefCell<(Box<[u8; MOST_BYTES]>, Vec<u8>)>);

impl Default for Buffers {
    fn default() -> Self {
        Self(RefCell::new((Box::new([0; MOST_BYTES]), Vec::new())))
    }
}

/// The outcome of one read.
enum Turn {
    /// It was answered, except for bytes that the send buffer had no room for.
    Answered(Vec<u8>, After),
    /// It is not plain, and was put back.
    NotPlain,
    /// The client has closed its side.
    Ended,
}

/// Answers requests as long as they are plain. Returns whether the connection continues; its next bytes
/// are then read from `stream`.
///
/// # Errors
/// The connection is broken, or was closed because it stalled.
pub(crate) async fn serve(
    stream: &mut EdgeStream,
    service: &impl AnswerPlain,
    buffers: &Buffers,
) -> io::Result<bool> {
    loop {
        let turn = std::future::poll_fn(|context| turn(stream, service, buffers, context)).await?;
        match turn {
            Turn::Answered(rest, after) => {
                if !rest.is_empty() {
                    stream.write_all(&rest).await?;
                }
                stream.conn().on_flush();
                if after == After::Close {
                    return Ok(false);
                }
            }
            Turn::NotPlain => return Ok(true),
            Turn::Ended => return Ok(false),
        }
    }
}

fn turn(
    stream: &mut EdgeStream,
    service: &impl AnswerPlain,
    buffers: &Buffers,
    context: &mut Context<'_>,
) -> Poll<io::Result<Turn>> {
    let (input, output) = &mut *buffers.0.borrow_mut();
    let mut input = ReadBuf::new(&mut **input);
    ready!(Pin::new(&mut *stream).poll_read(context, &mut input))?;
    let request = input.filled();
    if request.is_empty() {
        return Poll::Ready(Ok(Turn::Ended));
    }
    output.clear();
    let Some(after) = service.answer(stream.conn(), request, output) else {
        stream.put_back(request);
        return Poll::Ready(Ok(Turn::NotPlain));
    };
    let written = match Pin::new(stream).poll_write(context, output) {
        Poll::Ready(written) => written?,
        Poll::Pending => 0,
    };
    Poll::Ready(Ok(Turn::Answered(output[written..].to_vec(), after)))
}
