//! One line of a log: `TIME STREAM P|F TEXT`. Long lines come in parts, which are joined.

use std::str::FromStr;

use jiff::Timestamp;

/// A part of a line is 16 KiB; a line that goes on beyond this is cut, so that one cannot fill
/// memory.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Where a line was written.
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
    /// Where.
    pub stream: Stream,
    /// More of the same line follows.
    pub partial: bool,
    /// The text.
    pub text: String,
}

/// A line that is not of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line of a container's log")]
pub(crate) struct ParseLineError;

impl FromStr for LogLine {
    type Err = ParseLineError;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let mut parts = line.splitn(4, ' ');
        let mut next = || parts.next().ok_or(ParseLineError);
        let time = next()?.parse().map_err(|_| ParseLineError)?;
        let stream = match next()? {
            "stdout" => Stream::Stdout,
            "stderr" => Stream::Stderr,
            _ => return Err(ParseLineError),
        };
        // Tags are separated by colons; the first one says whether it is a part.
        let partial = match next()?.split(':').next() {
            Some("P") => true,
            Some("F") => false,
            _ => return Err(ParseLineError),
        };
        let text = parts.next().unwrap_or_default().to_owned();
        Ok(Self {
            time,
            stream,
            partial,
            text,
        })
    }
}

/// Joins the parts of lines, each stream for itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joiner {
    pending: [Option<LogLine>; 2],
}

impl Joiner {
    /// Takes a part, and returns the line that it completes.
    pub(crate) fn push(&mut self, part: LogLine) -> Option<LogLine> {
        let slot = &mut self.pending[usize::from(part.stream == Stream::Stderr)];
        let partial = part.partial;
        let line = match slot.take() {
            None => part,
            Some(mut line) => {
                if line.text.len() + part.text.len() <= MAX_LINE_BYTES {
                    line.text.push_str(&part.text);
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

    /// What is left of lines that were never completed, as after a crash.
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
        let line: LogLine = "2026-11-22T15:39:58.958751929Z stderr F {\"a\": 1}"
            .parse()
            .unwrap();
        assert_eq!(
            (line.stream, line.partial, &*line.text),
            (Stream::Stderr, false, "{\"a\": 1}")
        );
        let empty: LogLine = "2026-11-22T15:39:58Z stdout F ".parse().unwrap();
        assert_eq!(empty.text, "");
        let tagged: LogLine = "2026-11-22T17:39:58.1+02:00 stdout P:x text"
            .parse()
            .unwrap();
        assert!(tagged.partial);
        for wrong in [
            "",
            "x",
            "2026-11-22T15:39:58Z stdin F x",
            "2026-11-22T15:39:58Z stdout Q x",
        ] {
            assert_eq!(wrong.parse::<LogLine>(), Err(ParseLineError), "{wrong}");
        }
    }

    #[test]
    fn parts_are_joined_each_stream_for_itself() {
        let mut joiner = Joiner::default();
        let mut push = |stream: &str, tag: &str, text: &str| {
            let line = format!("2026-11-22T15:39:58Z {stream} {tag} {text}");
            joiner.push(line.parse().unwrap()).map(|line| line.text)
        };
        assert_eq!(push("stdout", "P", "one "), None);
        assert_eq!(push("stderr", "F", "other").as_deref(), Some("other"));
        assert_eq!(push("stdout", "P", "two "), None);
        assert_eq!(
            push("stdout", "F", "three").as_deref(),
            Some("one two three")
        );
        assert_eq!(push("stderr", "P", "cut"), None);
        let rest: Vec<_> = joiner.finish().map(|line| line.text).collect();
        assert_eq!(rest, ["cut"]);
    }
}
