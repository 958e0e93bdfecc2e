//! `rust-k8s-app probe URL`: sends one request, so that an image without a shell can have an exec
//! probe.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::Duration;

use httparse::Status;
use thiserror::Error;

use crate::url::HttpUrl;

/// How long the probe may take in all, name resolution included: Kubernetes' own default.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The longest response that is read.
const MAX_BYTES: usize = 64 * 1024;

/// The most headers of a response.
const MAX_HEADERS: usize = 64;

/// Why a probe failed.
#[derive(Debug, Error)]
pub(crate) enum ProbeError {
    /// The request could not be sent, or its response could not be read.
    #[error("cannot request {url}")]
    Io {
        /// The URL.
        url: HttpUrl,
        /// The error of the kernel or the resolver.
        source: io::Error,
    },
    /// The deadline passed first.
    #[error("{url} did not respond within {TIMEOUT:?}")]
    Timeout {
        /// The URL.
        url: HttpUrl,
    },
    /// The peer does not speak HTTP/1.
    #[error("{url} did not respond in HTTP/1")]
    Protocol {
        /// The URL.
        url: HttpUrl,
    },
    /// The response is not a success. Kubernetes counts 200 to 399 as success.
    #[error("{url} responded {status}: {body}")]
    Status {
        /// The URL.
        url: HttpUrl,
        /// The status code.
        status: u16,
        /// The response's body.
        body: String,
    },
}

/// A response as far as the probe shows it.
#[derive(Debug, PartialEq, Eq)]
struct Response {
    status: u16,
    body: String,
}

/// The bytes are not a response.
#[derive(Debug, PartialEq, Eq)]
struct Malformed;

/// Requests `url`, and returns the response's body.
pub(crate) fn probe(url: &HttpUrl) -> Result<String, ProbeError> {
    let (sender, receiver) = mpsc::channel();
    let target = url.clone();
    // On a thread of its own, because the resolver takes no deadline. The thread stops with the process.
    std::thread::spawn(move || sender.send(request(&target)));
    let url = url.clone();
    let response = match receiver.recv_timeout(TIMEOUT) {
        Ok(Ok(response)) => response,
        Ok(Err(source)) => return Err(ProbeError::Io { url, source }),
        Err(_) => return Err(ProbeError::Timeout { url }),
    };
    match response {
        Err(Malformed) => Err(ProbeError::Protocol { url }),
        Ok(Response { status, body }) if (200..400).contains(&status) => Ok(body),
        Ok(Response { status, body }) => Err(ProbeError::Status {
            url,
            status,
            body: body.trim().to_owned(),
        }),
    }
}

fn request(url: &HttpUrl) -> io::Result<Result<Response, Malformed>> {
    let addresses: Vec<_> = (url.host.as_str(), url.port).to_socket_addrs()?.collect();
    let mut stream = TcpStream::connect(addresses.as_slice())?;
    let HttpUrl {
        path, authority, ..
    } = url;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {authority}\r\nuser-agent: rust-k8s-app-probe\r\n\
         accept: text/plain\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..count]);
        let is_last = count == 0 || bytes.len() >= MAX_BYTES;
        // A peer may keep the connection open after its response.
        match parse(&bytes, is_last) {
            Ok(None) => {}
            Ok(Some(response)) => return Ok(Ok(response)),
            Err(malformed) => return Ok(Err(malformed)),
        }
    }
}

/// The response in `bytes`; `None` until it is complete. `is_last`: no more bytes follow.
fn parse(bytes: &[u8], is_last: bool) -> Result<Option<Response>, Malformed> {
    let incomplete = if is_last { Err(Malformed) } else { Ok(None) };
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let Status::Complete(length) = response.parse(bytes).map_err(|_| Malformed)? else {
        return incomplete;
    };
    let (status, rest) = (response.code.ok_or(Malformed)?, &bytes[length..]);
    if (100..200).contains(&status) {
        return parse(rest, is_last);
    }
    let header = |name: &str| {
        let header = response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let body = if header("transfer-encoding").is_some() {
        chunked(rest)?
    } else if let Some(length) = header("content-length") {
        let length: usize = length.trim().parse().map_err(|_| Malformed)?;
        rest.get(..length).map(<[u8]>::to_vec)
    } else {
        is_last.then(|| rest.to_vec())
    };
    // The status decides. If the body is cut short, its beginning is shown.
    let body = body.or_else(|| is_last.then(|| rest.to_vec()));
    Ok(body.map(|body| Response {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    }))
}

/// The body in `bytes`; `None` until its last chunk is there (RFC 9112 §7.1).
fn chunked(mut bytes: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut body = Vec::new();
    loop {
        let Status::Complete((begin, size)) =
            httparse::parse_chunk_size(bytes).map_err(|_| Malformed)?
        else {
            return Ok(None);
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| begin.checked_add(size));
        let (Some(chunk), Some(rest)) = (
            end.and_then(|end| bytes.get(begin..end)),
            end.and_then(|end| bytes.get(end.checked_add(2)?..)),
        ) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        bytes = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, is_last: bool, expected: Result<Option<(u16, &str)>, Malformed>) {
        let expected = expected.map(|response| {
            response.map(|(status, body)| Response {
                status,
                body: body.to_owned(),
            })
        });
        assert_eq!(parse(bytes.as_bytes(), is_last), expected, "{bytes:?}");
    }

    #[test]
    fn a_response_ends_by_length_chunk_or_close() {
        let sized = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n";
        check(sized, false, Ok(Some((200, "ok\n"))));
        check(&sized[..sized.len() - 1], false, Ok(None));
        check(&sized[..sized.len() - 1], true, Ok(Some((200, "ok"))));
        let chunked =
            "HTTP/1.1 503 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n\n\r\n0\r\n\r\n";
        check(chunked, false, Ok(Some((503, "ok\n"))));
        check(&chunked[..chunked.len() - 7], false, Ok(None));
        check("HTTP/1.0 503 X\r\n\r\nno", false, Ok(None));
        check("HTTP/1.0 503 X\r\n\r\nno", true, Ok(Some((503, "no"))));
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 X\r\ncontent-length: 0\r\n\r\n",
            false,
            Ok(Some((204, ""))),
        );
    }

    #[test]
    fn other_bytes_are_malformed() {
        check("", true, Err(Malformed));
        check("SSH-2.0-x", false, Err(Malformed));
        check("HTTP/1.1 200 OK\r\n", true, Err(Malformed));
        check("HTTP/1.1 2x0 OK\r\n\r\n", false, Err(Malformed));
    }
}
