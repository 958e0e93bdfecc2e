//! Searches a binary that may be larger than memory.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

/// How much of a binary is in memory at once.
const BUFFER_BYTES: usize = 1 << 20;

/// The offset in the file of the first match of `find`, which is called with overlapping parts of the file,
/// each with the last `overlap` bytes of the previous one.
pub(crate) fn find(
    mut file: &File,
    overlap: usize,
    find: impl Fn(&[u8]) -> Option<usize>,
) -> io::Result<Option<u64>> {
    let mut buffer = Vec::new();
    let mut start = file.seek(SeekFrom::Start(0))?;
    loop {
        let count = file.take(BUFFER_BYTES as u64).read_to_end(&mut buffer)?;
        if let Some(at) = find(&buffer) {
            return Ok(Some(start + at as u64));
        }
        if count == 0 {
            return Ok(None);
        }
        let done = buffer.len().saturating_sub(overlap);
        buffer.drain(..done);
        start += done as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use memchr::memmem;

    use super::*;

    #[test]
    fn a_match_across_two_parts_is_found() {
        for offset in [0, 1, BUFFER_BYTES - 3, BUFFER_BYTES, 2 * BUFFER_BYTES - 1] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&vec![b'.'; offset]).unwrap();
            file.write_all(b"needle").unwrap();
            file.write_all(&[b'.'; 10]).unwrap();
            let found = find(&file, 6, |part| memmem::find(part, b"needle")).unwrap();
            assert_eq!(found, Some(offset as u64));
            assert_eq!(
                find(&file, 6, |part| memmem::find(part, b"x")).unwrap(),
                None
            );
        }
    }
}
