//! Where two contents differ.

use std::io::{self, Read};

const BUFFER_BYTES: usize = 64 * 1024;

/// The offset of the first byte that differs, and the number of different bytes up to the end of the shorter
/// content. If that is a prefix of the longer one, the offset is its length.
pub(super) fn compare(mut a: impl Read, mut b: impl Read) -> io::Result<(u64, u64)> {
    let mut buffers = [vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]];
    let (mut at, mut first, mut count) = (0, None, 0);
    loop {
        let [left, right] = &mut buffers;
        let (a_bytes, b_bytes) = (fill(&mut a, left)?, fill(&mut b, right)?);
        let common = a_bytes.min(b_bytes);
        for (offset, _) in left[..common]
            .iter()
            .zip(&right[..common])
            .enumerate()
            .filter(|(_, (a, b))| a != b)
        {
            first.get_or_insert(at + offset as u64);
            count += 1;
        }
        at += common as u64;
        if common < BUFFER_BYTES {
            return Ok((first.unwrap_or(at), count));
        }
    }
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found_and_all_are_counted() {
        let check = |a: &[u8], b: &[u8], expected| assert_eq!(compare(a, b).unwrap(), expected);
        check(b"abc", b"abd", (2, 1));
        check(b"abc", b"xbx", (0, 2));
        check(b"abc", b"abcd", (3, 0));
        let mut long = vec![7; 3 * BUFFER_BYTES];
        let other = long.clone();
        long[BUFFER_BYTES] = 8;
        long[2 * BUFFER_BYTES + 1] = 8;
        check(&long, &other, (BUFFER_BYTES as u64, 2));
    }
}
