//! Where an interrupted upload continues.
//!
//! A registry may be trusted to refuse a chunk that does not follow the last (416), but not to say
//! where it is: Amazon ECR answers a PATCH with 201 in place of 202, and its `Range` stays behind
//! although the data is stored. So the offset is our own, and the registry is asked for its
//! own only after a failure.

/// What to do after a chunk whose fate is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The chunk arrived.
    Continue,
    /// It did not.
    Resend,
    /// The registry is somewhere else: start over with a new upload.
    Restart,
}

/// Decides it for the chunk from `start` to `end` (exclusive), from how many bytes the registry
/// says it has.
pub(super) fn after_failure(start: u64, end: u64, stored: Option<u64>) -> Next {
    match stored {
        Some(stored) if stored == end => Next::Continue,
        Some(stored) if stored == start => Next::Resend,
        _ => Next::Restart,
    }
}

/// How many bytes an upload's `Range` says are stored: `0-41` is 42 of them, and so that nothing
/// has a form at all, `0-0` is either 1 byte or none.
pub(super) fn stored(range: Option<&str>) -> Option<u64> {
    let range = range?.trim();
    let (first, last) = range
        .strip_prefix("bytes=")
        .unwrap_or(range)
        .split_once('-')?;
    let last: u64 = last.parse().ok()?;
    (first == "0").then_some(if last == 0 { 0 } else { last + 1 })
}

/// The size of a chunk: ours, or the registry's least where that is more.
pub(super) fn chunk_bytes(ours: u64, minimum: Option<&str>) -> u64 {
    ours.max(
        minimum
            .and_then(|minimum| minimum.trim().parse().ok())
            .unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_goes_on_where_the_registry_is() {
        assert_eq!(after_failure(10, 20, Some(20)), Next::Continue);
        assert_eq!(after_failure(10, 20, Some(10)), Next::Resend);
        assert_eq!(after_failure(10, 20, Some(15)), Next::Restart);
        assert_eq!(after_failure(10, 20, Some(0)), Next::Restart);
        assert_eq!(after_failure(0, 20, Some(0)), Next::Resend);
        assert_eq!(after_failure(10, 20, None), Next::Restart);
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(stored(Some("0-41")), Some(42));
        assert_eq!(stored(Some("bytes=0-41")), Some(42));
        assert_eq!(stored(Some("0-0")), Some(0));
        assert_eq!(stored(Some("5-41")), None);
        assert_eq!(stored(Some("x")), None);
        assert_eq!(stored(None), None);
        assert_eq!(chunk_bytes(8, Some("10")), 10);
        assert_eq!(chunk_bytes(8, Some("x")), 8);
        assert_eq!(chunk_bytes(8, None), 8);
    }
}
