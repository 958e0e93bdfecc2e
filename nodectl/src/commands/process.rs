//! The clock, random numbers, limits and signals of this process.

use std::io::Read as _;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::play::Stop;

/// Milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock is read here and passed in"
)]
pub(super) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// 32 random hex digits.
pub(super) fn random_hex() -> String {
    let mut bytes = [0_u8; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    if read.is_err() {
        // Without /dev this is constant; names only have to differ, not to be secret.
        let seed = u128::from(std::process::id()) << 64 | u128::try_from(now_ms()).unwrap_or(0);
        bytes = seed.to_be_bytes();
    }
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// Raises the soft limit on open files to `wanted`, or to the hard limit if that is lower, and returns the
/// new limit. Pods are not affected: they inherit containerd's.
pub(super) fn raise_open_files(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let (current, maximum) = (limit.current.unwrap_or(u64::MAX), limit.maximum);
    let raised = wanted.min(maximum.unwrap_or(u64::MAX));
    if raised <= current {
        return current;
    }
    let limit = Rlimit {
        current: Some(raised),
        maximum,
    };
    setrlimit(Resource::Nofile, limit).map_or(current, |()| raised)
}

/// Turns SIGINT, SIGTERM and SIGHUP, which a closed terminal sends, into requests to stop: the first
/// within `grace`, a second immediately.
pub(super) fn stop_on_signals(
    grace: std::time::Duration,
) -> std::io::Result<watch::Receiver<Stop>> {
    let (sender, receiver) = watch::channel(Stop::No);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        for stop in [Stop::Within(grace), Stop::Now] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            sender.send_replace(stop);
        }
        // Keep the sender until the receivers are dropped.
        sender.closed().await;
    });
    Ok(receiver)
}
