//! `rust-k8s-app probe URL`: asks once, so that an image without a shell can have an exec probe.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use thiserror::Error;

use crate::url::HttpUrl;

/// How long each step may take; Kubernetes' own default is a second for all of it.
const TIMEOUT: Duration = Duration::from_secs(1);

/// As much of an answer as is shown.
const MOST_BYTES: u64 = 64 * 1024;

/// Why a probe failed.
#[derive(Debug, Error)]
pub(crate) enum ProbeError {
    /// Nobody answers there.
    #[error("cannot ask {url}")]
    Io {
        /// Where.
        url: HttpUrl,
        /// What the kernel or the resolver said.
        source: io::Error,
    },
    /// What answers does not speak HTTP/1.
    #[error("{url} does not answer in HTTP/1")]
    Protocol {
        /// Where.
        url: HttpUrl,
    },
    /// It answers, and not with success. Kubernetes counts 200 to 399 as success.
    #[error("{url} answers {status}: {body}")]
    Status {
        /// Where.
        url: HttpUrl,
        /// The status code.
        status: u16,
        /// What it said.
        body: String,
    },
}

/// Asks for `url`, and returns the answer's body.
pub(crate) fn probe(url: &HttpUrl) -> Result<String, ProbeError> {
    let answer = ask(url).map_err(|source| ProbeError::Io {
        url: url.clone(),
        source,
    })?;
    let answer = String::from_utf8_lossy(&answer);
    let (status, body) = parse(&answer).ok_or_else(|| ProbeError::Protocol { url: url.clone() })?;
    if (200..400).contains(&status) {
        Ok(body.to_owned())
    } else {
        let body = body.trim().to_owned();
        Err(ProbeError::Status {
            url: url.clone(),
            status,
            body,
        })
    }
}

fn ask(url: &HttpUrl) -> io::Result<Vec<u8>> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (url.host.as_str(), url.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(mut stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                let HttpUrl {
                    path, authority, ..
                } = url;
                let request = format!(
                    "GET {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: rust-k8s-app-probe\r\n\
                     accept: text/plain\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(request.as_bytes())?;
                let mut answer = Vec::new();
                stream.take(MOST_BYTES).read_to_end(&mut answer)?;
                return Ok(answer);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Status and body of an answer.
fn parse(answer: &str) -> Option<(u16, &str)> {
    let status = answer.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart() {
        assert_eq!(
            parse("HTTP/1.1 200 OK\r\na: b\r\n\r\nok\n"),
            Some((200, "ok\n"))
        );
        assert_eq!(parse("HTTP/1.0 503 X\r\n\r\n"), Some((503, "")));
        for bad in [
            "",
            "SSH-2.0-x",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 2x0 OK\r\n\r\n",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
