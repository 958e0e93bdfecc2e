//! Reads a PROXY header off a new connection, where the settings ask for one.

use std::io;
use std::net::IpAddr;

use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::proxy::{self, Header, Parsed, ProxyError, Source};
use crate::cidr::Cidr;
use crate::settings::ProxyProtocol;

/// What was found at the beginning of a connection.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// Whom the connection is for, where that is known and believed.
    pub(crate) source: Option<Source>,
    /// Bytes that were read and are part of a request.
    pub(crate) held: Vec<u8>,
}

/// Why a connection is closed before a request was read.
#[derive(Debug, Error)]
pub(crate) enum OpeningError {
    /// The peer may not send a header, and one is required.
    #[error("the peer is not in APP_TRUSTED_PROXIES")]
    Untrusted,
    /// There is no header, and one is required.
    #[error("the connection does not begin with a PROXY header")]
    Missing,
    /// The header is wrong.
    #[error(transparent)]
    Malformed(#[from] ProxyError),
    /// The connection broke.
    #[error("cannot read the PROXY header")]
    Read(#[from] io::Error),
}

/// Reads what the settings ask for, byte by byte no further than the header.
///
/// From an untrusted peer no header is looked for in the optional mode, so that it cannot claim
/// anything: its signature is then a malformed request.
pub(crate) async fn read(
    stream: &mut TcpStream,
    peer: IpAddr,
    mode: ProxyProtocol,
    trusted: &[Cidr],
) -> Result<Opening, OpeningError> {
    let is_trusted = trusted.iter().any(|range| range.contains(peer));
    match mode {
        ProxyProtocol::Off => return Ok(Opening::default()),
        ProxyProtocol::Optional if !is_trusted => return Ok(Opening::default()),
        ProxyProtocol::Required if !is_trusted => return Err(OpeningError::Untrusted),
        ProxyProtocol::Optional | ProxyProtocol::Required => {}
    }
    let mut bytes = Vec::with_capacity(proxy::FIXED_BYTES);
    loop {
        let needed = match proxy::parse(&bytes)? {
            Parsed::Incomplete(needed) => needed,
            Parsed::Absent if mode == ProxyProtocol::Required => return Err(OpeningError::Missing),
            Parsed::Absent => {
                return Ok(Opening {
                    source: None,
                    held: bytes,
                });
            }
            Parsed::Complete(Header::Local, _) => return Ok(Opening::default()),
            Parsed::Complete(Header::Proxied(source), _) => {
                return Ok(Opening {
                    source: Some(source),
                    held: Vec::new(),
                });
            }
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
