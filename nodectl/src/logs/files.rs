//! The files of a container's log, oldest first.
//!
//! The kubelet renames `0.log` to `0.log.20060102-150405` and compresses all but the newest of those
//! to `.gz` (`pkg/kubelet/logs/container_log_manager.go`).

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

/// A file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is compressed.
    pub gzip: bool,
    /// It is only read up to this offset.
    pub end: Option<u64>,
}

impl LogFile {
    /// Opens it.
    ///
    /// # Errors
    /// As the file system's.
    pub(crate) fn open(&self) -> io::Result<Box<dyn BufRead + Send>> {
        let file = BufReader::new(File::open(&self.path)?);
        Ok(match self.end {
            _ if self.gzip => Box::new(BufReader::new(MultiGzDecoder::new(file))),
            Some(end) => Box::new(file.take(end)),
            None => Box::new(file),
        })
    }
}

/// The files of the log at `path`: rotated ones by their time, then the current one. A file that is being
/// compressed (`.tmp`) is omitted, since the original still exists.
///
/// # Errors
/// As the file system's. A missing current file is not an error: it is absent between a rotation and the
/// next line.
pub(crate) fn log_files(path: &Path) -> io::Result<Vec<LogFile>> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let mut rotated: Vec<(String, LogFile)> = Vec::new();
    if let Some(directory) = path.parent() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let other = entry.file_name();
            let suffix = other
                .to_str()
                .and_then(|other| other.strip_prefix(name)?.strip_prefix('.'));
            let Some(suffix) = suffix else { continue };
            let (time, gzip) = suffix
                .strip_suffix(".gz")
                .map_or((suffix, false), |time| (time, true));
            let digits = time.len() == 15 && time.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            if digits {
                rotated.push((
                    time.to_owned(),
                    LogFile {
                        path: entry.path(),
                        gzip,
                        end: None,
                    },
                ));
            }
        }
    }
    // The compressed file and the original, not yet deleted, have the same time and text.
    rotated.sort_by(|(one, first), (other, second)| (one, first.gzip).cmp(&(other, second.gzip)));
    rotated.dedup_by(|(later, _), (earlier, _)| later == earlier);
    let mut files: Vec<_> = rotated.into_iter().map(|(_, file)| file).collect();
    if path.exists() {
        files.push(LogFile {
            path: path.to_owned(),
            gzip: false,
            end: None,
        });
    }
    Ok(files)
}

/// Where a follower begins: a file, by its inode, and an offset in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(super) inode: u64,
    pub(super) offset: u64,
}

/// Cuts the files off where a follower begins, so that no line is read twice.
pub(super) fn cut(files: &mut Vec<LogFile>, end: End) {
    let is = |file: &LogFile| fs::metadata(&file.path).is_ok_and(|of| of.ino() == end.inode);
    if let Some(at) = files.iter().position(is) {
        files.truncate(at + 1);
        files[at].end = Some(end.offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_oldest_first_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let names = [
            "0.log",
            "0.log.20260102-030405",
            "0.log.20260101-030405.gz",
            "0.log.20260101-030405",
            "0.log.20260103-030405.gz.tmp",
            "0.log.20251231-030405.gz",
            "1.log",
            "10.log",
        ];
        for name in names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let files = log_files(&dir.path().join("0.log")).unwrap();
        let found: Vec<_> = files
            .iter()
            .map(|file| file.path.file_name().unwrap().to_str().unwrap())
            .collect();
        let expected = [
            "0.log.20251231-030405.gz",
            "0.log.20260101-030405",
            "0.log.20260102-030405",
            "0.log",
        ];
        assert_eq!(found, expected);
    }
}
