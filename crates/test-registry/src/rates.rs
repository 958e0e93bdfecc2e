//! Limits the rate of requests.

use std::time::Instant;

use crate::http::{Head, Response};
use crate::state::{Left, State};

/// The refusal of a request that exceeds a limit.
pub(super) fn throttle(state: &mut State, head: &Head) -> Option<Response> {
    let limits = state.behaviour.limits?;
    let (uploads, manifests) = ("/blobs/uploads/", "/manifests/");
    let (operation, limit) = match head.method.as_str() {
        "PUT" if head.path.contains(manifests) => ("put manifest", limits.put_manifest),
        "POST" if head.path.contains(uploads) => ("start upload", limits.start_upload),
        "PUT" if head.path.contains(uploads) => ("complete upload", limits.complete_upload),
        "HEAD" if head.path.contains("/blobs/") => ("check blob", limits.check_blob),
        _ => return None,
    };
    let now = Instant::now();
    let left = state.left.entry(operation).or_insert(Left {
        requests: limit,
        at: now,
    });
    let since = now.saturating_duration_since(left.at).as_secs_f64();
    left.requests = (left.requests + since * limit).min(limit);
    left.at = now;
    if left.requests >= 1.0 {
        left.requests -= 1.0;
        return None;
    }
    state.refused_rates += 1;
    Some(Response::error(429, "TOOMANYREQUESTS"))
}
