//! Searches a binary for paths of this machine.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use memchr::memmem::Finder;

use crate::paths::PathMap;
use crate::scan;

/// The longest part of a path that is shown.
const SHOWN_BYTES: usize = 200;

/// The first path in `binary` that `paths` should have replaced, or that is in a folder `outside` of them.
pub(crate) fn find(
    binary: &File,
    paths: &PathMap,
    outside: &[&Path],
) -> io::Result<Option<String>> {
    let replacements: Vec<&str> = paths.iter().map(|(_, to)| to).collect();
    let needles: Vec<Vec<u8>> = paths
        .iter()
        // A path that is also a replacement, such as a workspace in `/workspace`, is the same everywhere.
        .filter(|(from, _)| {
            from.parent().is_some()
                && from
                    .to_str()
                    .is_none_or(|from| !replacements.contains(&from))
        })
        .map(|(from, _)| from)
        .chain(outside.iter().copied())
        .map(|from| from.as_os_str().as_bytes().to_vec())
        .collect();
    let finders: Vec<Finder> = needles.iter().map(Finder::new).collect();
    // The byte after a path determines where it ends.
    let overlap = needles.iter().map(Vec::len).max().unwrap_or(0) + 1;
    let found = scan::find(binary, overlap, |part| {
        let found = finders.iter().filter_map(|finder| first(finder, part));
        found.min()
    })?;
    let Some(at) = found else { return Ok(None) };
    let mut bytes = [0; SHOWN_BYTES];
    let count = binary.read_at(&mut bytes, at)?;
    Ok(Some(path_at(&bytes[..count])))
}

/// The offset of the finder's path, or of a path below it.
fn first(finder: &Finder, buffer: &[u8]) -> Option<usize> {
    finder.find_iter(buffer).find(|at| {
        let next = buffer.get(at + finder.needle().len());
        next.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"-_.".contains(byte))
    })
}

fn path_at(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_graphic())
        .count();
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
