//! Parses a response strictly: HTTP/1.1 with `Content-Length` (RFC 9112 sections 4 to 6).

/// The largest head accepted, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The largest response accepted, head and body, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// The result of parsing the bytes received so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a response.
    Incomplete,
    /// A complete response, perhaps with bytes after it.
    Complete(Head),
    /// Not a response that this client understands.
    Malformed(&'static str),
}

/// The properties of a complete response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The server closes the connection after this response.
    pub close: bool,
    /// The offset of the body.
    pub body: usize,
    /// The offset after the body.
    pub end: usize,
}

/// Parses the response at the start of `bytes`.
pub fn parse(bytes: &[u8]) -> Parsed {
    let Some(head_end) = find_head_end(bytes) else {
        return if bytes.len() > MAX_HEAD_BYTES {
            Parsed::Malformed("the head is too large")
        } else {
            Parsed::Incomplete
        };
    };
    match parse_head(&bytes[..head_end - 2], head_end) {
        Ok(head) if head.end <= bytes.len() => Parsed::Complete(head),
        Ok(_) => Parsed::Incomplete,
        Err(reason) => Parsed::Malformed(reason),
    }
}

/// The offset after the first empty line.
fn find_head_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|&byte| byte == b'\r') {
        let rest = &bytes[from + at..];
        if rest.starts_with(b"\r\n\r\n") {
            return Some(from + at + 4);
        }
        from += at + 1;
    }
    None
}

/// Parses the lines of a head, each with its CRLF.
fn parse_head(head: &[u8], body: usize) -> Result<Head, &'static str> {
    let mut lines = head
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status = parse_status(lines.next().unwrap_or_default())?;
    let mut length = None;
    let mut close = false;
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line
            .iter()
            .position(|&byte| byte == b':')
            .ok_or("a header without a colon")?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // Lengths are compared first: most headers are none of these.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let earlier = length.replace(parse_length(value)?);
                earlier.map_or(Ok(()), |_| Err("two Content-Length headers"))?;
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                close |= value
                    .split(|&byte| byte == b',')
                    .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"));
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                return Err("an unsupported Transfer-Encoding");
            }
            _ => {}
        }
    }
    let length = length.ok_or("no Content-Length")?;
    Ok(Head {
        status,
        close,
        body,
        end: body + length,
    })
}

fn parse_status(line: &[u8]) -> Result<u16, &'static str> {
    const NOT: &str = "not an HTTP/1.1 status line";
    let code = line
        .strip_prefix(b"HTTP/1.1 ")
        .ok_or(NOT)?
        .get(..3)
        .ok_or(NOT)?;
    std::str::from_utf8(code)
        .ok()
        .and_then(|code| code.parse().ok())
        .ok_or(NOT)
}

fn parse_length(value: &[u8]) -> Result<usize, &'static str> {
    let digits = std::str::from_utf8(value).map_err(|_| "an invalid Content-Length")?;
    match digits.parse() {
        Ok(length) if length <= MAX_RESPONSE_BYTES => Ok(length),
        Ok(_) => Err("a body that is too large"),
        Err(_) => Err("an invalid Content-Length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(response: &str, expected: Parsed) {
        assert_eq!(parse(response.as_bytes()), expected, "{response:?}");
    }

    #[test]
    fn parses_a_complete_response() {
        let response = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 2\r\n\r\nhi";
        let body = response.len() - 2;
        check(
            response,
            Parsed::Complete(Head {
                status: 200,
                close: false,
                body,
                end: body + 2,
            }),
        );
    }

    #[test]
    fn close_is_seen_in_a_list_and_in_any_case() {
        let response = "HTTP/1.1 503 \r\nConnection: Upgrade, Close\r\nContent-Length: 0\r\n\r\n";
        let end = response.len();
        check(
            response,
            Parsed::Complete(Head {
                status: 503,
                close: true,
                body: end,
                end,
            }),
        );
    }

    #[test]
    fn every_cut_is_incomplete() {
        let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        for cut in 0..response.len() {
            check(&response[..cut], Parsed::Incomplete);
        }
    }

    #[test]
    fn unsupported_responses_are_malformed() {
        for response in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 2xx OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        ] {
            assert!(
                matches!(parse(response.as_bytes()), Parsed::Malformed(_)),
                "{response:?}"
            );
        }
        assert!(matches!(
            parse(&vec![b'x'; MAX_HEAD_BYTES + 1]),
            Parsed::Malformed(_)
        ));
    }
}
