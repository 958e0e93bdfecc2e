//! A file that is rotated before it gets too large; rotated files are named as the kubelet's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::logs::log_files;

/// The files of a log.
///
/// Unlike the kubelet, it compresses none, which would delay reading the container's output.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    max_bytes: u64,
    max_files: usize,
    /// The current file with its size; opened at the first write, and reopened after a failure.
    open: Option<(File, u64)>,
}

/// The suffix of a rotated file.
const SUFFIX: &str = "%Y%m%d-%H%M%S";

impl Rotated {
    pub(super) fn new(path: &Path, max_bytes: u64, max_files: usize) -> Self {
        Self {
            path: path.to_owned(),
            max_bytes,
            max_files,
            open: None,
        }
    }

    /// Appends whole lines, all of them or none.
    ///
    /// # Errors
    /// As the file system's.
    pub(super) fn append(&mut self, lines: &[u8], now: Timestamp) -> io::Result<()> {
        let size = self.open()?.1;
        if size > 0 && size + lines.len() as u64 > self.max_bytes {
            self.rotate(now)?;
        }
        let (file, size) = self.open()?;
        match file.write_all(lines) {
            Ok(()) => {
                *size += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A full disk accepts a part of it: truncate it. If that fails too, readers skip the broken
                // line, once a newline follows.
                if file.set_len(*size).is_err() {
                    self.open = None;
                }
                Err(error)
            }
        }
    }

    fn open(&mut self) -> io::Result<&mut (File, u64)> {
        if self.open.is_none() {
            let file = OpenOptions::new()
                .append(true)
                .create(true)
                .open(&self.path)?;
            let size = file.metadata()?.len();
            self.open = Some((file, size));
        }
        Ok(self.open.as_mut().expect("it was opened just now"))
    }

    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        let mut files = log_files(&self.path)?;
        files.pop();
        // The name has whole seconds, and there may be several rotations in one.
        let next = files
            .last()
            .and_then(|file| Some(rotated_at(&file.path)? + 1));
        let second = next.map_or(now.as_second(), |next| next.max(now.as_second()));
        let time = Timestamp::from_second(second).unwrap_or(now);
        let time = time.to_zoned(TimeZone::UTC).strftime(SUFFIX).to_string();
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{time}"));
        // The file that is being rotated and the next one count too.
        let surplus = (files.len() + 2).saturating_sub(self.max_files);
        for file in &files[..surplus.min(files.len())] {
            fs::remove_file(&file.path)?;
        }
        fs::rename(&self.path, &name)?;
        self.open = None;
        Ok(())
    }
}

/// The second that a rotated file is named by.
fn rotated_at(path: &Path) -> Option<i64> {
    let suffix = path.extension()?.to_str()?;
    let time = DateTime::strptime(SUFFIX, suffix).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(path: &Path) -> Vec<u64> {
        let files = log_files(path).unwrap();
        files
            .iter()
            .map(|file| fs::metadata(&file.path).unwrap().len())
            .collect()
    }

    #[test]
    fn a_log_keeps_its_last_files_and_none_is_too_large() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let mut log = Rotated::new(&path, 10, 3);
        let now = Timestamp::UNIX_EPOCH;
        for line in 0..20 {
            log.append(format!("{line:03}\n").as_bytes(), now).unwrap();
        }
        assert_eq!(sizes(&path), [8, 8, 8]);
        let texts: Vec<_> = log_files(&path)
            .unwrap()
            .iter()
            .map(|file| fs::read_to_string(&file.path).unwrap())
            .collect();
        assert_eq!(texts, ["014\n015\n", "016\n017\n", "018\n019\n"]);
        // A batch larger than a file gets its own.
        log.append(&[b'x'; 25], now).unwrap();
        assert_eq!(sizes(&path), [8, 8, 25]);
        // Another process continues the existing file.
        let mut log = Rotated::new(&path, 40, 3);
        log.append(b"more\n", now).unwrap();
        assert_eq!(sizes(&path), [8, 8, 30]);
    }

    #[test]
    fn a_second_process_does_not_overwrite_rotated_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        for text in ["one\n", "two\n", "three\n"] {
            let mut log = Rotated::new(&path, 5, 5);
            log.append(text.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
        }
        let names: Vec<_> = log_files(&path).unwrap();
        assert_eq!(names.len(), 3, "{names:?}");
    }
}
