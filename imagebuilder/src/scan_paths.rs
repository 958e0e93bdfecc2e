//! Whether a binary contains a path of this machine.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;

use memchr::memmem::Finder;

use crate::paths::PathMap;

/// How much of a binary is in memory at once.
const BUFFER_BYTES: usize = 1 << 20;

/// How much of a path is shown, and how far one may go past the end of a buffer.
const SHOWN_BYTES: usize = 200;

/// The first path in `binary` that `paths` should have replaced.
pub(crate) fn find(mut binary: &File, paths: &PathMap) -> io::Result<Option<String>> {
    let replacements: Vec<&str> = paths.iter().map(|(_, to)| to).collect();
    let needles: Vec<Vec<u8>> = paths
        .iter()
        // A workspace in `/workspace` is named so on every machine.
        .filter(|(from, _)| {
            from.parent().is_some()
                && from
                    .to_str()
                    .is_none_or(|from| !replacements.contains(&from))
        })
        .map(|(from, _)| from.as_os_str().as_bytes().to_vec())
        .collect();
    let finders: Vec<Finder> = needles.iter().map(Finder::new).collect();
    let overlap = needles.iter().map(Vec::len).max().unwrap_or(0) + SHOWN_BYTES;
    let mut buffer = Vec::new();
    binary.seek(SeekFrom::Start(0))?;
    loop {
        let count = binary.take(BUFFER_BYTES as u64).read_to_end(&mut buffer)?;
        let first = finders
            .iter()
            .filter_map(|finder| first(finder, &buffer))
            .min();
        if let Some(at) = first {
            // The rest of the path may not be read yet.
            binary.take(SHOWN_BYTES as u64).read_to_end(&mut buffer)?;
            return Ok(Some(path_at(&buffer[at..])));
        }
        if count == 0 {
            return Ok(None);
        }
        let keep = buffer.len().saturating_sub(overlap);
        buffer.drain(..keep);
    }
}

/// Where a path begins that is the finder's, or below it.
fn first(finder: &Finder, buffer: &[u8]) -> Option<usize> {
    finder.find_iter(buffer).find(|at| {
        let next = buffer.get(at + finder.needle().len());
        next.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"-_.".contains(byte))
    })
}

fn path_at(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .take(SHOWN_BYTES)
        .take_while(|byte| byte.is_ascii_graphic())
        .count();
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
