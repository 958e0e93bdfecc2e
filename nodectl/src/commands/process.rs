//! The clock, random numbers, limits and signals of this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::rand::{GetRandomFlags, getrandom};
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

/// An hour from now, in milliseconds since 1970: when a lease of a killed process expires. No import or garbage
/// collection takes as long.
pub(super) fn in_an_hour() -> i64 {
    now_ms() + 3_600_000
}

/// 32 random hex digits.
pub(super) fn random_hex() -> String {
    let mut bytes = [0_u8; 16];
    // Unlike /dev/urandom it needs no file descriptor, of which there may be none left, and it returns 256 bytes or
    // less at once.
    getrandom(&mut bytes, GetRandomFlags::empty()).expect("Linux has getrandom(2) since 3.17");
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    #[ignore = "takes all file descriptors from its process; the test below starts one for it"]
    fn without_a_file_descriptor() {
        let limit = getrlimit(Resource::Nofile);
        let none = Rlimit {
            current: Some(0),
            ..limit
        };
        setrlimit(Resource::Nofile, none).unwrap();
        let names: BTreeSet<_> = (0..3).map(|_| random_hex()[..5].to_owned()).collect();
        setrlimit(Resource::Nofile, limit).unwrap();
        assert!(names.len() > 1, "{names:?}");
    }

    #[test]
    fn random_names_differ_from_their_first_digits_on_without_a_file_descriptor() {
        let name = "commands::process::tests::without_a_file_descriptor";
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", name])
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&run.stdout);
        assert!(
            run.status.success() && output.contains("1 passed"),
            "{output}"
        );
    }
}
