//! Searches a head for an unknown transfer coding (RFC 9112 §6.1). The parser refuses it like a malformed
//! request; the status is 501 instead of 400. It decides nothing else.

/// The part of a line that is examined.
const MOST_BYTES: usize = 48;

/// The lines of a head, as they arrive.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodingSearch {
    line: [u8; MOST_BYTES],
    length: usize,
    unknown: bool,
}

impl Default for CodingSearch {
    fn default() -> Self {
        Self {
            line: [0; MOST_BYTES],
            length: 0,
            unknown: false,
        }
    }
}

impl CodingSearch {
    /// Examines more of the head.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.unknown |= names_unknown(&self.line[..self.length]);
                self.length = 0;
            } else if let Some(free) = self.line.get_mut(self.length) {
                *free = *byte;
                self.length += 1;
            }
        }
    }

    /// Whether the head so far names an unknown coding.
    pub(super) fn is_unknown(&self) -> bool {
        self.unknown
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
