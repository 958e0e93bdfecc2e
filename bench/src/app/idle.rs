//! Memory: at rest, and with many connections.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;

use super::subject::Subject;

/// The number of connections that are held.
const CONNECTIONS: usize = 1000;
/// How long a fresh server takes to come to rest.
const REST: Duration = Duration::from_millis(500);

/// The resident set of a fresh server after one response, and with [`CONNECTIONS`] open.
pub(crate) fn memory(subject: &Subject) -> anyhow::Result<(u64, Option<u64>)> {
    let server = subject.start()?;
    sleep(REST);
    let idle = server.rss_bytes();
    if !subject.keeps_connections {
        return Ok((idle, None));
    }
    let held = server
        .connections(CONNECTIONS)
        .with_context(|| format!("{} with {CONNECTIONS} connections", subject.name))?;
    sleep(REST);
    let busy = server.rss_bytes();
    drop(held);
    Ok((idle, Some(busy)))
}
