//! Searches a head for an unknown transfer coding (RFC 9112 §6.1). The parser rejects such a request as
//! malformed; the search only decides whether the status is 501 instead of 400.

/// The part of a line that is examined.
const MOST_BYTES: usize = 48;

/// A part of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Empty lines, which are skipped before a request.
    Before,
    Method,
    /// The space before the target.
    Space,
    Target,
    Version,
    /// The beginning of a header line.
    Line,
    Name,
    Value,
}

/// The lines of a head, as they arrive.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodingSearch {
    part: Part,
    after_carriage_return: bool,
    /// The version, or a header's name and value.
    line: [u8; MOST_BYTES],
    length: usize,
    unknown: bool,
    /// The parser refuses the head in any case, with the same status whether or not all of it has arrived.
    malformed: bool,
}

impl Default for CodingSearch {
    fn default() -> Self {
        Self {
            part: Part::Before,
            after_carriage_return: false,
            line: [0; MOST_BYTES],
            length: 0,
            unknown: false,
            malformed: false,
        }
    }
}

impl CodingSearch {
    /// Examines more of the head.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.after_carriage_return => self.malformed = true,
                b'\r' => {}
                _ => self.examine(*byte),
            }
            self.after_carriage_return = *byte == b'\r';
        }
    }

    /// Whether the head so far is well-formed and names an unknown coding.
    pub(super) fn is_unknown(&self) -> bool {
        self.unknown && !self.malformed
    }

    /// A byte that belongs to no line ending (RFC 9112 §3 and §5).
    fn examine(&mut self, byte: u8) {
        let is_token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let next = match (self.part, byte) {
            (Part::Before | Part::Method, _) if is_token => Some(Part::Method),
            (Part::Method, b' ') => Some(Part::Space),
            (Part::Target, b' ') | (Part::Version, b'!'..=b'~') => Some(Part::Version),
            (Part::Space | Part::Target, b'!'..=b'~' | 0x80..) => Some(Part::Target),
            (Part::Line | Part::Name, _) if is_token => Some(Part::Name),
            (Part::Name, b':') | (Part::Value, b'\t' | b' '..=b'~' | 0x80..) => Some(Part::Value),
            _ => None,
        };
        self.malformed |= next.is_none();
        self.part = next.unwrap_or(self.part);
        let is_kept = match self.part {
            Part::Name | Part::Value => true,
            Part::Version => byte != b' ',
            _ => false,
        };
        if is_kept && let Some(free) = self.line.get_mut(self.length) {
            *free = byte;
            self.length += 1;
        }
    }

    fn end_line(&mut self) {
        let line = &self.line[..self.length];
        match self.part {
            Part::Before => return,
            Part::Version => self.malformed |= !matches!(line, b"HTTP/1.0" | b"HTTP/1.1"),
            Part::Value => self.unknown |= names_unknown(line),
            // The empty line at the end.
            Part::Line => {}
            Part::Method | Part::Space | Part::Target | Part::Name => self.malformed = true,
        }
        self.length = 0;
        self.part = Part::Line;
    }
}

/// Whether a line is a `Transfer-Encoding` of well-formed codings, one of which is unknown.
fn names_unknown(line: &[u8]) -> bool {
    const NAME: &[u8] = b"transfer-encoding:";
    let Some((name, value)) = line.split_at_checked(NAME.len()) else {
        return false;
    };
    if !name.eq_ignore_ascii_case(NAME) {
        return false;
    }
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let mut unknown = false;
    for coding in value.split(|byte| *byte == b',') {
        let coding = coding.trim_ascii();
        if coding.is_empty() || !coding.iter().all(is_token) {
            return false;
        }
        let known = [b"chunked".as_slice(), b"identity"];
        unknown |= !known.iter().any(|known| coding.eq_ignore_ascii_case(known));
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: bool) {
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\nTransfer-Encoding:{value}\r\n\r\n");
        for cut in 0..head.len() {
            let (first, second) = head.as_bytes().split_at(cut);
            let mut search = CodingSearch::default();
            search.feed(first);
            search.feed(second);
            assert_eq!(search.is_unknown(), expected, "{value:?} at {cut}");
        }
    }

    #[test]
    fn a_malformed_head_is_malformed_with_an_unknown_coding_too() {
        let coding = "transfer-encoding: gzip\r\n";
        let check = |head: &str, expected| {
            for cut in 0..head.len() {
                let (first, second) = head.as_bytes().split_at(cut);
                let mut search = CodingSearch::default();
                search.feed(first);
                search.feed(second);
                assert_eq!(search.is_unknown(), expected, "{head:?} at {cut}");
            }
        };
        let good = "POST /a?b HTTP/1.1\r\nhost: x\r\n";
        check(&format!("\r\n\n{good}{coding}\r\n"), true);
        check(&format!("POST / HTTP/1.0\n{coding}x-a:\tb\u{e9}\n\n"), true);
        for bad in [
            "z=\rPOST / HTTP/1.1\r\n",
            "POST\r\n",
            "POST /\r\n",
            "POST  HTTP/1.1\r\n",
            "POST / HTTP/2.0\r\n",
            "POST / a HTTP/1.1\r\n",
            "PO(ST / HTTP/1.1\r\n",
        ] {
            check(&format!("{bad}{coding}\r\n"), false);
        }
        for bad in [
            " folded: x\r\n",
            "x : y\r\n",
            "x\r\n",
            ": y\r\n",
            "x: \u{7}\r\n",
            "\r:\n",
        ] {
            check(&format!("{good}{bad}{coding}\r\n"), false);
            check(&format!("{good}{coding}{bad}\r\n"), false);
        }
    }

    #[test]
    fn an_unknown_coding_differs_from_a_malformed_one() {
        check(" gzip, chunked", true);
        check("x-new", true);
        check(" chunked", false);
        check(" Chunked , identity", false);
        check(" \"chunked\"", false);
        check("", false);
        check(" gzip,,chunked", false);
    }
}
