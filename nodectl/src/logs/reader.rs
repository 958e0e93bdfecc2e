//! Reads a log across its files, whole or only its end.

use std::collections::VecDeque;
use std::io::{self, BufRead};
use std::path::Path;

use jiff::Timestamp;

use super::files::cut;
use super::{End, Joiner, LogFile, LogLine, Stream, log_files};

/// A part has at most 16 KiB and a header; a longer line is not in the format.
pub(super) const MAX_PART_BYTES: u64 = 64 * 1024;

/// Selects the lines to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogQuery {
    /// Only this many, from the end.
    pub tail: Option<usize>,
    /// Only those written since then.
    pub since: Option<Timestamp>,
    /// Only those before the point where a follower begins.
    pub end: Option<End>,
}

/// Passes every line of the log at `path` that the query selects to `sink`, in order.
///
/// Without `tail` lines are streamed; with it, that many are held in memory. Files older than the
/// selected lines are not read.
///
/// # Errors
/// As the file system's, or the sink's.
pub(crate) fn read<E: From<io::Error>>(
    path: &Path,
    query: LogQuery,
    mut sink: impl FnMut(LogLine) -> Result<(), E>,
) -> Result<(), E> {
    let mut files = log_files(path)?;
    if let Some(end) = query.end {
        cut(&mut files, end);
    }
    let Some(tail) = query.tail else {
        let mut joiner = Joiner::default();
        for file in &files {
            each_line(file, &mut joiner, &mut |line| {
                wanted(line, query).map_or(Ok(()), &mut sink)
            })?;
        }
        return joiner
            .finish()
            .filter_map(|line| wanted(line, query))
            .try_for_each(sink);
    };
    // From the newest file back, until there are enough lines. The first line of each stream may begin in
    // an older file, so it counts only once that file was read too.
    let mut held = VecDeque::new();
    for start in (0..files.len()).rev() {
        let mut joiner = Joiner::default();
        let mut tail_of = Tail {
            query,
            most: tail,
            held: VecDeque::new(),
            seen: [false; 2],
            enough: false,
        };
        for file in &files[start..] {
            each_line(file, &mut joiner, &mut |line| {
                tail_of.push(line);
                Ok::<_, E>(())
            })?;
        }
        joiner.finish().for_each(|line| tail_of.push(line));
        let whole = tail_of.held.len() == tail && tail_of.held.iter().all(|(_, whole)| *whole);
        let enough = whole || tail_of.enough;
        held = tail_of.held;
        if enough {
            break;
        }
    }
    held.into_iter().try_for_each(|(line, _)| sink(line))
}

/// The last lines so far.
struct Tail {
    query: LogQuery,
    most: usize,
    /// Each with whether it is known to be complete.
    held: VecDeque<(LogLine, bool)>,
    /// The streams that have had a line.
    seen: [bool; 2],
    /// There are enough lines, or one was too old: older files need not be read.
    enough: bool,
}

impl Tail {
    fn push(&mut self, line: LogLine) {
        let seen = &mut self.seen[usize::from(line.stream == Stream::Stderr)];
        let whole = std::mem::replace(seen, true);
        match wanted(line, self.query) {
            None => self.enough |= whole,
            Some(_) if self.most == 0 => self.enough = true,
            Some(line) => {
                if self.held.len() == self.most {
                    self.held.pop_front();
                }
                self.held.push_back((line, whole));
            }
        }
    }
}

fn wanted(line: LogLine, query: LogQuery) -> Option<LogLine> {
    query
        .since
        .is_none_or(|since| line.time >= since)
        .then_some(line)
}

fn each_line<E: From<io::Error>>(
    file: &LogFile,
    joiner: &mut Joiner,
    sink: &mut dyn FnMut(LogLine) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = match file.open() {
        // Deleted or compressed since the files were listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result?,
    };
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if take_line(&mut reader, &mut bytes)? == 0 {
            return Ok(());
        }
        if let Some(line) = parse(&bytes).and_then(|part| joiner.push(part)) {
            sink(line)?;
        }
    }
}

/// Reads up to a newline, which is included, and at most [`MAX_PART_BYTES`].
pub(super) fn take_line(reader: &mut dyn BufRead, bytes: &mut Vec<u8>) -> io::Result<usize> {
    io::Read::take(reader, MAX_PART_BYTES).read_until(b'\n', bytes)
}

/// A part, or `None` for a line that is not in the format, which is skipped as the kubelet skips it.
pub(super) fn parse(bytes: &[u8]) -> Option<LogLine> {
    LogLine::parse(bytes.strip_suffix(b"\n").unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write as _;
    use std::path::PathBuf;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn line(second: u32, tag: &str, text: &str) -> String {
        format!("2026-11-22T15:39:{second:02}.5Z stdout {tag} {text}\n")
    }

    /// Lines 0 to 9: four compressed, three rotated (with a line that goes on in the next file),
    /// three current.
    fn rotated() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let lines: Vec<_> = (0..10).map(|n| line(n, "F", &n.to_string())).collect();
        let gz = File::create(dir.path().join("0.log.20260101-000000.gz")).unwrap();
        let mut gz = GzEncoder::new(gz, Compression::fast());
        gz.write_all(lines[..4].concat().as_bytes()).unwrap();
        gz.finish().unwrap();
        let middle = lines[4..6].concat() + &line(6, "P", "6 and ");
        fs::write(dir.path().join("0.log.20260102-000000"), middle).unwrap();
        let path = dir.path().join("0.log");
        fs::write(&path, line(6, "F", "its rest") + &lines[7..].concat()).unwrap();
        (dir, path)
    }

    fn texts(path: &Path, query: LogQuery) -> Vec<String> {
        let mut all = Vec::new();
        read(path, query, |line| {
            all.push(String::from_utf8(line.text).unwrap());
            Ok::<_, io::Error>(())
        })
        .unwrap();
        all
    }

    #[test]
    fn reads_across_rotation_and_compression() {
        let (_dir, path) = rotated();
        let all = [
            "0",
            "1",
            "2",
            "3",
            "4",
            "5",
            "6 and its rest",
            "7",
            "8",
            "9",
        ];
        assert_eq!(texts(&path, LogQuery::default()), all);
        for tail in 0..=12 {
            let query = LogQuery {
                tail: Some(tail),
                ..LogQuery::default()
            };
            assert_eq!(
                texts(&path, query),
                all[all.len().saturating_sub(tail)..],
                "{tail}"
            );
        }
        let since = Some("2026-11-22T15:39:05.5Z".parse().unwrap());
        assert_eq!(
            texts(
                &path,
                LogQuery {
                    since,
                    ..LogQuery::default()
                }
            ),
            all[5..]
        );
        assert_eq!(
            texts(
                &path,
                LogQuery {
                    tail: Some(2),
                    since,
                    ..LogQuery::default()
                }
            ),
            all[8..]
        );
    }

    #[test]
    fn a_line_that_begins_in_an_older_file_is_whole_on_either_stream() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let stderr = |second, tag, text| line(second, tag, text).replace("stdout", "stderr");
        let old = line(1, "F", "one") + &stderr(2, "P", "two ");
        fs::write(dir.path().join("0.log.20260101-000000"), old).unwrap();
        fs::write(
            &path,
            line(3, "F", "three") + &line(4, "F", "four") + &stderr(5, "F", "parts"),
        )
        .unwrap();
        let tail = |tail| {
            texts(
                &path,
                LogQuery {
                    tail: Some(tail),
                    ..LogQuery::default()
                },
            )
        };
        assert_eq!(tail(1), ["two parts"]);
        assert_eq!(tail(2), ["four", "two parts"]);
    }

    #[test]
    fn invalid_lines_are_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let mut bytes = b"garbage\n\xff\xfe\n".to_vec();
        bytes.extend(line(1, "F", "good").as_bytes());
        bytes.extend(line(2, "P", "cut off").as_bytes());
        fs::write(&path, bytes).unwrap();
        assert_eq!(texts(&path, LogQuery::default()), ["good", "cut off"]);
        assert!(texts(&dir.path().join("none.log"), LogQuery::default()).is_empty());
    }
}
