//! Splits a stream into the parts of lines.

/// The longest part (`maxContainerLogLineSize` of containerd's CRI plugin).
const MAX_PART_BYTES: usize = 16 * 1024;

/// Buffers a stream until a line is complete.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Adds bytes, and passes each complete part to `sink`, with its tag.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut sink: impl FnMut(char, &[u8])) {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(at);
            bytes = &rest[1..];
            self.extend(line, &mut sink);
            sink('F', &self.pending);
            self.pending.clear();
        }
        self.extend(bytes, &mut sink);
    }

    /// Passes on the last line at the end of the stream, if it has no newline.
    pub(super) fn finish(&mut self, mut sink: impl FnMut(char, &[u8])) {
        if !self.pending.is_empty() {
            sink('F', &self.pending);
            self.pending.clear();
        }
    }

    fn extend(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(char, &[u8])) {
        while self.pending.len() + bytes.len() > MAX_PART_BYTES {
            let (part, rest) = bytes.split_at(MAX_PART_BYTES - self.pending.len());
            self.pending.extend_from_slice(part);
            bytes = rest;
            sink('P', &self.pending);
            self.pending.clear();
        }
        self.pending.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<(char, Vec<u8>)> {
        let mut lines = Lines::default();
        let mut parts = Vec::new();
        for chunk in chunks {
            lines.push(chunk, |tag, text| parts.push((tag, text.to_owned())));
        }
        lines.finish(|tag, text| parts.push((tag, text.to_owned())));
        parts
    }

    #[test]
    fn lines_are_split_at_newlines_and_long_ones_into_parts() {
        let parts = split(&[b"one\ntw", b"o\n\nrest"]);
        let texts: Vec<_> = parts.iter().map(|(tag, text)| (*tag, &text[..])).collect();
        let expected: [(char, &[u8]); 4] =
            [('F', b"one"), ('F', b"two"), ('F', b""), ('F', b"rest")];
        assert_eq!(texts, expected);
        for (length, expected) in [
            (MAX_PART_BYTES, vec![('F', MAX_PART_BYTES)]),
            (MAX_PART_BYTES + 1, vec![('P', MAX_PART_BYTES), ('F', 1)]),
        ] {
            let line = [vec![b'x'; length], b"\n".to_vec()].concat();
            let parts = split(&[&line]);
            let lengths: Vec<_> = parts.iter().map(|(tag, text)| (*tag, text.len())).collect();
            assert_eq!(lengths, expected);
        }
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_however_it_is_read(
            lengths in proptest::collection::vec(0..40_000_usize, 0..5),
            cuts in proptest::collection::vec(0..100_000_usize, 0..5),
            newline in any::<bool>(),
        ) {
            let lines: Vec<_> = lengths.iter().map(|length| vec![b'x'; *length]).collect();
            let mut bytes = lines.join(&b'\n');
            if newline {
                bytes.push(b'\n');
            }
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for cut in cuts {
                chunks.push(&bytes[from..cut]);
                from = cut;
            }
            chunks.push(&bytes[from..]);
            let mut joined = Vec::new();
            for (tag, text) in split(&chunks) {
                prop_assert!(text.len() <= MAX_PART_BYTES);
                joined.extend(text);
                if tag == 'F' {
                    joined.push(b'\n');
                }
            }
            let mut expected = bytes;
            if expected.last().is_some_and(|last| *last != b'\n') {
                expected.push(b'\n');
            }
            prop_assert_eq!(joined, expected);
        }
    }
}
