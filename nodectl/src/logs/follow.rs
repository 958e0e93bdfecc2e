//! Follows a log from some point on, across rotations.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::reader::{MAX_PART_BYTES, parse, take_line};
use super::{End, Joiner, LogLine, log_files};

/// Reads what is written to a log after its end, across rotations.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    file: Option<(u64, BufReader<File>)>,
    joiner: Joiner,
    half: Vec<u8>,
    begins: Option<End>,
}

/// A file as it was when the log's files were listed.
struct Listed {
    path: PathBuf,
    inode: u64,
}

impl Listed {
    fn at(path: &Path) -> Option<Self> {
        let inode = fs::metadata(path).ok()?.ino();
        let path = path.to_owned();
        Some(Self { path, inode })
    }
}

impl Follower {
    /// Follows the log at `path` from its end.
    ///
    /// # Errors
    /// As the file system's.
    pub(crate) fn at_end(path: &Path) -> io::Result<Self> {
        let mut follower = Self {
            path: path.to_owned(),
            file: None,
            joiner: Joiner::default(),
            half: Vec::new(),
            begins: None,
        };
        if let Some((inode, mut file)) = open(path)? {
            let offset = io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
            follower.begins = Some(End { inode, offset });
            follower.file = Some((inode, file));
        }
        Ok(follower)
    }

    /// Where it begins, if the log exists.
    pub(crate) fn begins(&self) -> Option<End> {
        self.begins
    }

    /// The lines that were written since the last call.
    ///
    /// # Errors
    /// As the file system's.
    pub(crate) fn poll(&mut self) -> io::Result<Vec<LogLine>> {
        let mut lines = Vec::new();
        self.drain(&mut lines)?;
        for next in self.later_files()? {
            // Nothing is written to a file after its successor exists, but lines may have been written
            // between the last read and the rotation.
            self.drain(&mut lines)?;
            match open(&next.path)? {
                Some((inode, file)) if inode == next.inode => self.file = Some((inode, file)),
                // Rotated since it was listed; the next call finds it under its new name.
                _ => break,
            }
            self.half.clear();
            self.drain(&mut lines)?;
        }
        Ok(lines)
    }

    /// The files after the open one, of which there may be several since the last call.
    fn later_files(&self) -> io::Result<Vec<Listed>> {
        let Some(current) = Listed::at(&self.path) else {
            return Ok(Vec::new());
        };
        let Some((open, _)) = &self.file else {
            return Ok(vec![current]);
        };
        if *open == current.inode {
            return Ok(Vec::new());
        }
        let mut files: Vec<_> = log_files(&self.path)?
            .iter()
            .filter(|file| !file.gzip)
            .filter_map(|file| Listed::at(&file.path))
            .collect();
        match files.iter().position(|file| file.inode == *open) {
            Some(at) => Ok(files.split_off(at + 1)),
            // The open one was compressed or deleted: only the current file is known to be later.
            None => Ok(vec![current]),
        }
    }

    fn drain(&mut self, lines: &mut Vec<LogLine>) -> io::Result<()> {
        let Some((_, file)) = &mut self.file else {
            return Ok(());
        };
        loop {
            if take_line(file, &mut self.half)? == 0 {
                return Ok(());
            }
            // A later call completes a partial line.
            if self.half.last() != Some(&b'\n') && (self.half.len() as u64) < MAX_PART_BYTES {
                return Ok(());
            }
            lines.extend(parse(&self.half).and_then(|part| self.joiner.push(part)));
            self.half.clear();
        }
    }
}

fn open(path: &Path) -> io::Result<Option<(u64, BufReader<File>)>> {
    match File::open(path) {
        Ok(file) => Ok(Some((file.metadata()?.ino(), BufReader::new(file)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::{LogQuery, read};
    use super::*;

    fn line(second: u32, text: &str) -> String {
        format!("2026-11-22T15:39:{second:02}.5Z stdout F {text}\n")
    }

    fn append(path: &Path, text: &str) {
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn poll(follower: &mut Follower) -> Vec<String> {
        let lines = follower.poll().unwrap().into_iter();
        lines
            .map(|line| String::from_utf8(line.text).unwrap())
            .collect()
    }

    #[test]
    fn the_reader_ends_where_the_follower_begins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        append(&path, &line(1, "one"));
        let mut follower = Follower::at_end(&path).unwrap();
        assert!(poll(&mut follower).is_empty());
        append(&path, &line(2, "two"));
        let query = LogQuery {
            end: follower.begins(),
            ..LogQuery::default()
        };
        let mut before = Vec::new();
        read(&path, query, |line| {
            before.push(line.text);
            Ok::<_, io::Error>(())
        })
        .unwrap();
        assert_eq!(before, [b"one"]);
        assert_eq!(poll(&mut follower), ["two"]);
        let whole = line(3, "three");
        append(&path, &whole[..20]);
        assert!(poll(&mut follower).is_empty(), "half a line");
        append(&path, &whole[20..]);
        assert_eq!(poll(&mut follower), ["three"]);
    }

    #[test]
    fn follows_across_any_number_of_rotations() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let rotated = |day: u32| dir.path().join(format!("0.log.202601{day:02}-000000"));
        append(&path, &line(0, "zero"));
        let mut follower = Follower::at_end(&path).unwrap();
        append(&path, &line(1, "last before"));
        fs::rename(&path, rotated(1)).unwrap();
        append(&rotated(1), &line(2, "after the rename"));
        append(&path, &line(3, "first after"));
        let texts = ["last before", "after the rename", "first after"];
        assert_eq!(poll(&mut follower), texts);
        // Several between two calls.
        for day in 2..5 {
            append(&path, &line(day, &format!("in {day}")));
            fs::rename(&path, rotated(day)).unwrap();
        }
        append(&path, &line(5, "in 5"));
        assert_eq!(poll(&mut follower), ["in 2", "in 3", "in 4", "in 5"]);
    }
}
