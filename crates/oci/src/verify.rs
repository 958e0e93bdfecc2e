//! Readers that fail unless the content matches its descriptor.

use std::io::{self, Read};

use crate::{Digest, Hasher};

/// Content does not match its descriptor.
///
/// It is wrapped in an [`io::Error`] of the kind `InvalidData`; [`Mismatch::of`] unwraps it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// It is shorter.
    #[error("{digest} is cut short: {actual} bytes of {expected}")]
    Short {
        /// The digest that was expected.
        digest: Digest,
        /// The size described, in bytes.
        expected: u64,
        /// The size found, in bytes.
        actual: u64,
    },
    /// It is longer.
    #[error("{digest} is longer than the expected {expected} bytes")]
    Long {
        /// The digest that was expected.
        digest: Digest,
        /// The size described, in bytes.
        expected: u64,
    },
    /// It has the right size but another digest.
    #[error("content of {expected} is damaged: its digest is {actual}")]
    Digest {
        /// The digest described.
        expected: Digest,
        /// The digest of what was read.
        actual: Digest,
    },
}

impl Mismatch {
    /// The mismatch in an I/O error, if there is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<Mismatch> for io::Error {
    fn from(mismatch: Mismatch) -> Self {
        Self::new(io::ErrorKind::InvalidData, mismatch)
    }
}

/// Compares the digest and size with the expected ones.
pub(crate) fn check(hasher: Hasher, digest: Digest, size: u64) -> Result<(), Mismatch> {
    let (actual_digest, actual) = hasher.finish();
    if actual < size {
        Err(Mismatch::Short {
            digest,
            expected: size,
            actual,
        })
    } else if actual > size {
        Err(Mismatch::Long {
            digest,
            expected: size,
        })
    } else if actual_digest != digest {
        Err(Mismatch::Digest {
            expected: digest,
            actual: actual_digest,
        })
    } else {
        Ok(())
    }
}

/// Passes on the content of a reader, and fails at its end unless it had the expected digest and size.
///
/// It never returns the whole of any other content, and never more bytes than described. That no more
/// bytes follow is known only once it was read to its end (a `read` that returned 0).
#[derive(Debug)]
pub struct VerifyingReader<R> {
    inner: R,
    hasher: Hasher,
    digest: Digest,
    size: u64,
    /// The result, once the end was reached, so that a read after the end returns the same.
    verdict: Option<Result<(), Mismatch>>,
}

impl<R: Read> VerifyingReader<R> {
    /// Reads `inner`, expecting `size` bytes with `digest`.
    pub fn new(inner: R, digest: Digest, size: u64) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            digest,
            size,
            verdict: None,
        }
    }

    fn end(&mut self) -> io::Result<usize> {
        let verdict = self
            .verdict
            .get_or_insert_with(|| check(std::mem::take(&mut self.hasher), self.digest, self.size));
        verdict.clone().map(|()| 0).map_err(io::Error::from)
    }
}

impl<R: Read> Read for VerifyingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.verdict.is_some() {
            return self.end();
        }
        let count = self.inner.read(buffer)?;
        if count == 0 {
            return self.end();
        }
        let bytes = &buffer[..count];
        if self.hasher.size() + count as u64 > self.size {
            let mismatch = Mismatch::Long {
                digest: self.digest,
                expected: self.size,
            };
            self.verdict = Some(Err(mismatch));
            return self.end();
        }
        self.hasher.update(bytes);
        // Checked before the last bytes are returned, so that a caller that knows the size and does not
        // read to the end never gets the whole of other content.
        if self.hasher.size() == self.size
            && let Err(mismatch) = check(self.hasher.clone(), self.digest, self.size)
        {
            self.verdict = Some(Err(mismatch));
            return self.end();
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], digest: Digest, size: u64) -> Result<Vec<u8>, Mismatch> {
        let mut reader = VerifyingReader::new(bytes, digest, size);
        let mut out = Vec::new();
        let first = reader.read_to_end(&mut out);
        let again = reader.read(&mut [0]);
        assert_eq!(
            first.is_ok(),
            again.is_ok(),
            "a read after the end returns the same"
        );
        first
            .map(|_| out)
            .map_err(|error| Mismatch::of(&error).unwrap().clone())
    }

    #[test]
    fn the_described_content_is_accepted() {
        assert_eq!(read(b"abc", Digest::of(b"abc"), 3), Ok(b"abc".to_vec()));
        assert_eq!(read(b"", Digest::of(b""), 0), Ok(vec![]));
    }

    #[test]
    fn any_other_content_is_rejected() {
        let digest = Digest::of(b"abc");
        assert_eq!(
            read(b"ab", digest, 3),
            Err(Mismatch::Short {
                digest,
                expected: 3,
                actual: 2
            })
        );
        assert_eq!(
            read(b"abcd", digest, 3),
            Err(Mismatch::Long {
                digest,
                expected: 3
            })
        );
        assert_eq!(
            read(b"abd", digest, 3),
            Err(Mismatch::Digest {
                expected: digest,
                actual: Digest::of(b"abd")
            })
        );
        assert!(read(b"abc", digest, 2).is_err());
    }

    #[test]
    fn a_reader_of_the_exact_size_gets_the_mismatch_too() {
        let mut buffer = [0; 3];
        let good = VerifyingReader::new(&b"abc"[..], Digest::of(b"abc"), 3).read_exact(&mut buffer);
        assert!(good.is_ok());
        let bad = VerifyingReader::new(&b"abd"[..], Digest::of(b"abc"), 3).read_exact(&mut buffer);
        assert!(Mismatch::of(&bad.unwrap_err()).is_some());
    }
}
