//! Why a connection to a registry failed.

use std::fmt;
use std::io;

/// A connection could not be opened, or broke.
#[derive(Debug)]
pub struct TransportError {
    error: ureq::Error,
    /// The proxy on the way, without its user and password.
    proxy: Option<String>,
}

impl TransportError {
    pub(super) fn new(error: ureq::Error, proxy: Option<String>) -> Self {
        Self { error, proxy }
    }

    /// The proxy on the way, if there is one.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// Whether the peer's certificate was rejected.
    pub fn is_certificate(&self) -> bool {
        match &self.error {
            ureq::Error::Io(error) => is_tls(error) && error.to_string().contains("certificate"),
            ureq::Error::Rustls(error) => error.to_string().contains("certificate"),
            _ => false,
        }
    }

    /// Whether another attempt may succeed. A name may not resolve because the nameserver restarts; an
    /// untrusted certificate stays untrusted.
    pub(super) fn is_transient(&self) -> bool {
        match &self.error {
            ureq::Error::Io(error) => !is_tls(error),
            ureq::Error::Timeout(_)
            | ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::Protocol(_) => true,
            _ => false,
        }
    }
}

/// rustls' errors are `InvalidData` inside an I/O error.
fn is_tls(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

impl From<ureq::Error> for TransportError {
    fn from(error: ureq::Error) -> Self {
        Self::new(error, None)
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        Self::new(error.into(), None)
    }
}

/// Without the URL: ureq repeats it, query included, in some of its texts.
impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(proxy) = &self.proxy {
            write!(f, "through the proxy {proxy}: ")?;
        }
        match &self.error {
            ureq::Error::Io(error) => write!(f, "{error}"),
            ureq::Error::HostNotFound => f.write_str("cannot resolve the host name"),
            ureq::Error::Timeout(timeout) => write!(f, "timed out ({timeout})"),
            ureq::Error::ConnectionFailed => f.write_str("cannot connect"),
            ureq::Error::BadUri(_) => f.write_str("invalid URL"),
            ureq::Error::Rustls(error) => write!(f, "TLS: {error}"),
            other => write!(f, "{other}"),
        }
    }
}

impl std::error::Error for TransportError {}
