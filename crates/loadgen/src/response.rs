//! Reads an answer strictly: HTTP/1.1 with `Content-Length` (RFC 9112 sections 4 to 6).

/// The largest head that is read: more is malformed.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The largest answer that is read, head and body.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of an answer.
    Incomplete,
    /// An answer, and perhaps bytes after it.
    Complete(Head),
    /// No answer that this client understands.
    Malformed(&'static str),
}

/// A complete answer's outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The server closes after this answer.
    pub close: bool,
    /// Where the body begins.
    pub body: usize,
    /// Where the body ends.
    pub end: usize,
}

/// Reads an answer from the start of `bytes`.
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

/// Reads the lines of a head, each with its CRLF.
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
        // Lengths first: most headers are none of these.
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
                return Err("a Transfer-Encoding");
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
    const NOT: &str = "no HTTP/1.1 status line";
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
    let digits = std::str::from_utf8(value).map_err(|_| "a Content-Length that is no number")?;
    match digits.parse() {
        Ok(length) if length <= MAX_ANSWER_BYTES => Ok(length),
        Ok(_) => Err("a body that is too large"),
        Err(_) => Err("a Content-Length that is no number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, expected: Parsed) {
        assert_eq!(parse(answer.as_bytes()), expected, "{answer:?}");
    }

    #[test]
    fn a_complete_answer_has_an_outline() {
        let answer = "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 2\r\n\r\nhi";
        let body = answer.len() - 2;
        check(
            answer,
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
        let answer = "HTTP/1.1 503 \r\nConnection: Upgrade, Close\r\nContent-Length: 0\r\n\r\n";
        let end = answer.len();
        check(
            answer,
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
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        for cut in 0..answer.len() {
            check(&answer[..cut], Parsed::Incomplete);
        }
    }

    #[test]
    fn what_this_client_does_not_understand_is_malformed() {
        for answer in [
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
                matches!(parse(answer.as_bytes()), Parsed::Malformed(_)),
                "{answer:?}"
            );
        }
        assert!(matches!(
            parse(&vec![b'x'; MAX_HEAD_BYTES + 1]),
            Parsed::Malformed(_)
        ));
    }
}
