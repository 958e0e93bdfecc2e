//! One line of a log: `TIME STREAM P|F TEXT`. A long line is split into parts, which are joined when it
//! is read.

use std::io::Write as _;

use jiff::Timestamp;

/// A part of a line has at most 16 KiB; a line that is longer than this is truncated, so that a single
/// line cannot fill memory.
const MAX_LINE_BYTES: usize = 1 << 20;

/// The stream that a line was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Its name in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// A line, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// When it was written.
    pub time: Timestamp,
    /// The stream.
    pub stream: Stream,
    /// The line continues in the next part.
    pub partial: bool,
    /// What the container wrote, which need not be UTF-8.
    pub text: Vec<u8>,
}

impl LogLine {
    /// Parses a line without its newline; `None` if it is not in the format.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut parts = line.splitn(4, |byte| *byte == b' ');
        let mut word = || std::str::from_utf8(parts.next()?).ok();
        let time = word()?.parse().ok()?;
        let stream = match word()? {
            "stdout" => Stream::Stdout,
            "stderr" => Stream::Stderr,
            _ => return None,
        };
        // Tags are separated by colons; the first one marks a part.
        let partial = match word()?.split(':').next()? {
            "P" => true,
            "F" => false,
            _ => return None,
        };
        let text = parts.next().unwrap_or_default().to_owned();
        Some(Self {
            time,
            stream,
            partial,
            text,
        })
    }
}

/// Appends a part in the format to `batch`.
pub(super) fn encode(batch: &mut Vec<u8>, time: Timestamp, stream: Stream, tag: char, text: &[u8]) {
    write!(batch, "{time:.9} {} {tag} ", stream.as_str()).expect("memory takes what is written");
    batch.extend_from_slice(text);
    batch.push(b'\n');
}

/// Joins the parts of lines, separately for each stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joiner {
    pending: [Option<LogLine>; 2],
}

impl Joiner {
    /// Adds a part, and returns the line that it completes.
    pub(crate) fn push(&mut self, part: LogLine) -> Option<LogLine> {
        let slot = &mut self.pending[usize::from(part.stream == Stream::Stderr)];
        let partial = part.partial;
        let line = match slot.take() {
            None => part,
            Some(mut line) => {
                if line.text.len() + part.text.len() <= MAX_LINE_BYTES {
                    line.text.extend_from_slice(&part.text);
                }
                line.partial = partial;
                line
            }
        };
        if partial {
            *slot = Some(line);
            return None;
        }
        Some(line)
    }

    /// The lines that were never completed, as after a crash.
    pub(crate) fn finish(&mut self) -> impl Iterator<Item = LogLine> {
        let mut rest: Vec<_> = self.pending.iter_mut().filter_map(Option::take).collect();
        rest.sort_by_key(|line| line.time);
        rest.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_the_runtime_writes() {
        let parse = |line: &str| LogLine::parse(line.as_bytes());
        let line = parse("2026-11-22T15:39:58.958751929Z stderr F {\"a\": 1}").unwrap();
        assert_eq!(
            (line.stream, line.partial, &*line.text),
            (Stream::Stderr, false, &b"{\"a\": 1}"[..])
        );
        assert_eq!(parse("2026-11-22T15:39:58Z stdout F ").unwrap().text, b"");
        let tagged = parse("2026-11-22T17:39:58.1+02:00 stdout P:x text").unwrap();
        assert!(tagged.partial);
        for invalid in [
            "",
            "x",
            "2026-11-22T15:39:58Z stdin F x",
            "2026-11-22T15:39:58Z stdout Q x",
        ] {
            assert_eq!(parse(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn encoded_lines_parse_back() {
        let line = LogLine {
            time: "2026-11-22T15:39:58.000000001Z".parse().unwrap(),
            stream: Stream::Stderr,
            partial: true,
            text: b"not UTF-8: \xff P F".to_vec(),
        };
        let mut batch = Vec::new();
        encode(&mut batch, line.time, line.stream, 'P', &line.text);
        assert_eq!(batch.pop(), Some(b'\n'));
        assert_eq!(LogLine::parse(&batch), Some(line));
    }

    #[test]
    fn parts_are_joined_separately_for_each_stream() {
        let mut joiner = Joiner::default();
        let mut push = |stream: &str, tag: &str, text: &str| {
            let line = format!("2026-11-22T15:39:58Z {stream} {tag} {text}");
            let part = LogLine::parse(line.as_bytes()).unwrap();
            joiner.push(part).map(|line| line.text)
        };
        assert_eq!(push("stdout", "P", "one "), None);
        assert_eq!(push("stderr", "F", "other"), Some(b"other".to_vec()));
        assert_eq!(push("stdout", "P", "two "), None);
        let whole = push("stdout", "F", "three");
        assert_eq!(whole, Some(b"one two three".to_vec()));
        assert_eq!(push("stderr", "P", "cut"), None);
        let rest: Vec<_> = joiner.finish().map(|line| line.text).collect();
        assert_eq!(rest, [b"cut"]);
    }
}
