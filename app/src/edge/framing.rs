//! Where a request ends in the bytes of a client (RFC 9112 §2.1, §6 and §7.1), so that actix-http gets
//! one request at a time.
//!
//! It would otherwise read ahead and answer the first request as if it were the last one that it has
//! read: with that request's version and `Connection`, and without a body if that request is a `HEAD`.
//! Nothing is validated here. If this module and the parser disagree on a malformed request, the parser
//! refuses it, or waits for more until the timeout.

/// Searches for the empty line at the end of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Head {
    /// Nothing but line endings has arrived; they are skipped before a request.
    #[default]
    Before,
    /// In a line.
    Line,
    /// At the beginning of a line.
    LineEnd,
    /// The same, after a carriage return.
    LineEndCr,
}

impl Head {
    /// How many of `bytes` belong to the head; `None` if it continues after them.
    pub(crate) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            *self = match (*self, byte) {
                (Self::Before, b'\r' | b'\n') => Self::Before,
                (Self::LineEnd, b'\r') => Self::LineEndCr,
                (Self::LineEnd | Self::LineEndCr, b'\n') => {
                    *self = Self::Before;
                    return Some(index + 1);
                }
                (_, b'\n') => Self::LineEnd,
                _ => Self::Line,
            };
        }
        None
    }
}

/// The part of a body that has not arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// This many bytes.
    Length(u64),
    /// Chunks. The numbers count what has arrived: bytes beside the content, and chunks begun.
    Chunked(Chunks, usize, usize),
}

/// The most bytes of extensions, trailers and leading zeros in a chunked body. No other limit counts
/// them, and no handler reads them.
const MOST_OVERHEAD: usize = 16 << 10;

/// The next part of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// The rest of a chunk's size, which has this value so far.
    Size(u64),
    /// The rest of the line that began with the size.
    Extension(u64),
    /// This many bytes of data.
    Data(u64),
    /// The line ending behind the data.
    DataEnd,
    /// A line of the trailer, which is empty so far.
    Trailer,
    /// The rest of a line of the trailer.
    TrailerLine,
}

impl Body {
    /// There is no body, or all of it has arrived.
    pub(crate) const NONE: Self = Self::Length(0);
    /// Everything until the connection is closed.
    pub(crate) const ENDLESS: Self = Self::Length(u64::MAX);
    /// Chunks, of which nothing has arrived.
    pub(crate) const CHUNKED: Self = Self::Chunked(Chunks::Size(0), 0, 0);

    /// Whether it has too many bytes beside its content.
    pub(crate) fn is_excessive(&self) -> bool {
        matches!(self, Self::Chunked(_, overhead, _) if *overhead > MOST_OVERHEAD)
    }

    /// How many chunks have begun.
    pub(crate) fn chunks(&self) -> usize {
        match self {
            Self::Length(_) => 0,
            Self::Chunked(_, _, chunks) => *chunks,
        }
    }

    /// How many of `bytes` belong to the body. It continues behind them.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Length(left) => skip(left, bytes.len()),
            Self::Chunked(next, overhead, chunks) => {
                let mut at = 0;
                while at < bytes.len() && *overhead <= MOST_OVERHEAD {
                    if let Chunks::Data(left) = next {
                        at += skip(left, bytes.len() - at);
                        if *left == 0 {
                            *next = Chunks::DataEnd;
                        }
                        continue;
                    }
                    let byte = bytes[at];
                    at += 1;
                    let Some(more) = after(*next, byte) else {
                        *self = Self::NONE;
                        break;
                    };
                    *overhead += usize::from(is_overhead(*next, more, byte));
                    *chunks += usize::from(matches!(more, Chunks::Data(_)));
                    *next = more;
                }
                at
            }
        }
    }
}

/// Subtracts up to `most` from `left`, and returns how much.
fn skip(left: &mut u64, most: usize) -> usize {
    let count = usize::try_from(*left).map_or(most, |left| left.min(most));
    *left -= count as u64;
    count
}

/// Whether `byte`, which led from one state to the other, belongs to neither content nor framing.
fn is_overhead(from: Chunks, to: Chunks, byte: u8) -> bool {
    match (from, to) {
        (Chunks::Size(0), Chunks::Size(0)) => byte == b'0',
        (_, Chunks::Extension(_) | Chunks::TrailerLine) => byte != b'\r',
        _ => false,
    }
}

/// The state after `byte`, which is not data; `None` at the end of the body.
fn after(next: Chunks, byte: u8) -> Option<Chunks> {
    Some(match (next, byte) {
        (Chunks::Size(0) | Chunks::Extension(0) | Chunks::TrailerLine, b'\n')
        | (Chunks::Trailer, b'\r') => Chunks::Trailer,
        (Chunks::Size(size) | Chunks::Extension(size), b'\n') => Chunks::Data(size),
        (Chunks::Size(size), digit) => match char::from(digit).to_digit(16) {
            Some(digit) => Chunks::Size(size.saturating_mul(16).saturating_add(digit.into())),
            None => Chunks::Extension(size),
        },
        (Chunks::DataEnd, b'\n') => Chunks::Size(0),
        (Chunks::Trailer, b'\n') => return None,
        (Chunks::Trailer, _) => Chunks::TrailerLine,
        (same, _) => same,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(bytes: &str, expected: Option<usize>) {
        assert_eq!(Head::default().end(bytes.as_bytes()), expected, "{bytes:?}");
        // In any two pieces.
        for cut in 0..expected.unwrap_or(bytes.len()) {
            let (first, second) = bytes.as_bytes().split_at(cut);
            let mut head = Head::default();
            assert_eq!(head.end(first), None, "{bytes:?} at {cut}");
            let end = head.end(second).map(|end| end + cut);
            assert_eq!(end, expected, "{bytes:?} at {cut}");
        }
    }

    #[test]
    fn a_head_ends_at_its_first_empty_line() {
        head("GET / HTTP/1.1\r\nhost: x\r\n\r\nGET", Some(27));
        head("GET / HTTP/1.1\r\n\r\n", Some(18));
        head("GET / HTTP/1.1\n\n", Some(16));
        head("GET / HTTP/1.1\nhost: x\n\r\nmore", Some(25));
        head("GET / HTTP/1.1\r\n\rx\r\n\r\n", Some(22));
        head("GET / HTTP/1.1\r\nhost: x\r\n", None);
        head("", None);
    }

    #[test]
    fn line_endings_before_a_request_are_skipped() {
        head("\r\n\r\n\n", None);
        head("\r\n\r\nGET / HTTP/1.1\r\n\r\n", Some(22));
    }

    fn body(body: Body, bytes: &str, expected: usize) {
        let mut whole = body;
        assert_eq!(whole.take(bytes.as_bytes()), expected, "{bytes:?}");
        for cut in 0..bytes.len() {
            let (first, second) = bytes.as_bytes().split_at(cut);
            let mut parts = body;
            let taken = parts.take(first) + parts.take(second);
            assert_eq!((taken, parts), (expected, whole), "{bytes:?} at {cut}");
        }
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        body(Body::NONE, "GET /", 0);
        body(Body::Length(3), "abcGET /", 3);
        body(Body::ENDLESS, "abc", 3);
        body(Body::CHUNKED, "3\r\nabc\r\n0\r\n\r\nGET /", 13);
        body(Body::CHUNKED, "0\r\n\r\nGET /", 5);
        body(
            Body::CHUNKED,
            "A;x=y\r\n0123456789\r\n00\r\na: b\r\nc: d\r\n\r\nGET",
            37,
        );
        body(Body::CHUNKED, "3\r\nabc\r\n", 8);
    }

    proptest! {
        #[test]
        fn pieces_do_not_change_where_a_body_ends(
            bytes in "[0-3a;\r\n]{0,40}",
            cut in 0_usize..40
        ) {
            let bytes = bytes.as_bytes();
            let mut whole = Body::CHUNKED;
            let expected = whole.take(bytes);
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            let mut parts = Body::CHUNKED;
            let taken = parts.take(first) + parts.take(second);
            prop_assert_eq!((taken, parts), (expected, whole));
        }
    }
}
