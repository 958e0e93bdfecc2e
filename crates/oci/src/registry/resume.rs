//! Decides where an interrupted upload continues.
//!
//! A registry can be trusted to refuse a chunk that does not follow the last one (416), but not to report
//! its offset: Amazon ECR responds to a PATCH with 201 instead of 202, and with a `Range` that lags behind
//! the stored data. The client therefore keeps the offset itself, and queries the registry's only after a
//! failure.

/// What to do after a chunk whose outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The chunk arrived.
    Continue,
    /// It did not.
    Resend,
    /// The registry has another offset: start over with a new upload.
    Restart,
}

/// Decides this for the chunk from `start` to `end` (exclusive), by the number of bytes that the registry
/// reports.
pub(super) fn after_failure(start: u64, end: u64, stored: Option<u64>) -> Next {
    match stored {
        Some(stored) if stored == end => Next::Continue,
        Some(stored) if stored == start => Next::Resend,
        _ => Next::Restart,
    }
}

/// The number of stored bytes by an upload's `Range`: `0-41` is 42. There is no form for an empty upload, so
/// `0-0` is either 1 byte or none.
pub(super) fn stored(range: Option<&str>) -> Option<u64> {
    let range = range?.trim();
    let (first, last) = range
        .strip_prefix("bytes=")
        .unwrap_or(range)
        .split_once('-')?;
    let last: u64 = last.parse().ok()?;
    (first == "0").then_some(if last == 0 { 0 } else { last + 1 })
}

/// The size of a chunk: ours, or the registry's minimum if that is larger.
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
    fn an_upload_continues_at_the_registrys_offset() {
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
