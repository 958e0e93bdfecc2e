//! Closing without losing the last response: a socket that is closed while bytes of the client are
//! unread sends a reset, and the reset can overtake the response (RFC 9112 §9.6).

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::socket::Socket;

/// How long the client has to read the response and close.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// The same when the worker stops.
pub(crate) const LINGER_AT_STOP: Duration = Duration::from_millis(500);

/// The most bytes that are read and discarded.
const MOST_BYTES: usize = 1 << 20;

/// Sends the rest of the answer and the end of the stream, and reads until the client closes its side too.
pub(crate) async fn close(mut stream: Socket, rest: Vec<u8>) {
    let discard = async {
        stream.write_all(&rest).await?;
        stream.shutdown().await?;
        let mut buffer = [0; 2048];
        let mut total = 0;
        while total < MOST_BYTES {
            match stream.read(&mut buffer).await? {
                0 => break,
                count => total += count,
            }
        }
        std::io::Result::Ok(())
    };
    // The connection is closed next, whatever the outcome.
    drop(tokio::time::timeout(LINGER, discard).await);
}
