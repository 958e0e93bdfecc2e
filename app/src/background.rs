//! Runs work that may never return, such as reading a file on a volume that hangs, on a thread of its own.
//!
//! Not on tokio's pool for blocking work: the runtime waits for that when the process stops.

use std::time::Duration;

use tokio::sync::oneshot;

/// How long the service waits for a file before it goes on without.
pub(crate) const FILE_TIMEOUT: Duration = Duration::from_secs(1);

/// Starts `work`, and returns the receiver of its result. If no thread can be started, nothing arrives.
pub(crate) fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (done, result) = oneshot::channel();
    let spawned = std::thread::Builder::new()
        .name(name.to_owned())
        // The receiver may be gone.
        .spawn(move || drop(done.send(work())));
    if let Err(error) = spawned {
        tracing::error!(name, %error, "cannot start a thread");
    }
    result
}

/// The result of `work`; `None` if it does not arrive within [`FILE_TIMEOUT`].
pub(crate) async fn within_timeout<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let result = start(name, work);
    tokio::time::timeout(FILE_TIMEOUT, result).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_never_returns_is_abandoned() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (_held, never) = std::sync::mpsc::channel::<()>();
        let outcome = runtime.block_on(within_timeout("never", move || never.recv()));
        assert_eq!(outcome, None);
    }
}
