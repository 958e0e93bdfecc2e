//! Reads the PROXY header of a new connection, if the settings enable it.

use std::io;

use thiserror::Error;
use tokio::io::AsyncReadExt as _;

use super::proxy::{self, Header, Parsed, ProxyError, Source};
use super::stream::EdgeStream;
use crate::cidr::Cidr;
use crate::settings::ProxyProtocol;

/// Why a connection is closed before a request was read.
#[derive(Debug, Error)]
pub(crate) enum OpeningError {
    /// The peer may not send a header, and one is required.
    #[error("the peer is not in APP_TRUSTED_PROXIES")]
    Untrusted,
    /// There is no header, and one is required.
    #[error("the connection does not begin with a PROXY header")]
    Missing,
    /// The header is malformed.
    #[error(transparent)]
    Malformed(#[from] ProxyError),
    /// The connection broke, or was closed because the header did not come in time.
    #[error("cannot read the PROXY header")]
    Read(#[from] io::Error),
}

/// Reads the header as the settings require it, and no byte behind it: the next read of the stream
/// returns the beginning of the first request.
///
/// In the optional mode no header is accepted from an untrusted peer: its signature is then a malformed
/// request.
pub(crate) async fn read(
    stream: &mut EdgeStream,
    mode: ProxyProtocol,
    trusted: &[Cidr],
) -> Result<(), OpeningError> {
    let peer = stream.conn().peer.ip();
    let is_trusted = trusted.iter().any(|range| range.contains(peer));
    match mode {
        ProxyProtocol::Off => return Ok(()),
        ProxyProtocol::Optional if !is_trusted => return Ok(()),
        ProxyProtocol::Required if !is_trusted => return Err(OpeningError::Untrusted),
        ProxyProtocol::Optional | ProxyProtocol::Required => {}
    }
    stream.conn().expect_proxy_header();
    let source = read_header(stream, mode).await?;
    stream.conn().on_proxy_header(source);
    Ok(())
}

/// The connection that the header names. Bytes that are not a header go back to the stream.
async fn read_header(
    stream: &mut EdgeStream,
    mode: ProxyProtocol,
) -> Result<Option<Source>, OpeningError> {
    let mut bytes = Vec::with_capacity(proxy::FIXED_BYTES);
    loop {
        let needed = match proxy::parse(&bytes)? {
            Parsed::Incomplete(needed) => needed,
            Parsed::Absent if mode == ProxyProtocol::Required => return Err(OpeningError::Missing),
            Parsed::Absent => {
                stream.hold(bytes);
                return Ok(None);
            }
            Parsed::Complete(Header::Local, _) => return Ok(None),
            Parsed::Complete(Header::Proxied(source), _) => return Ok(Some(source)),
        };
        let missing = needed.saturating_sub(bytes.len());
        let read = (&mut *stream)
            .take(missing as u64)
            .read_buf(&mut bytes)
            .await?;
        if read == 0 {
            return Err(OpeningError::Read(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}
