//! A program that runs once: its time and its memory.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// How often the memory of a program is read.
const POLL: Duration = Duration::from_millis(2);

/// The resources that a program used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_rss_bytes: u64,
}

/// Runs a program until it exits.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<Cost> {
    let stderr = tempfile::tempfile().context("cannot create a file")?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr.try_clone()?);
    let begun = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let pid = child.id();
    // This thread waits, so that the exit is noticed immediately; the other thread reads the memory.
    let watcher = thread::spawn(move || {
        let (mut rss, mut cpu) = (0, Duration::ZERO);
        while let Some(now) = peak_rss(pid) {
            rss = now.max(rss);
            cpu = cpu_time(pid).max(cpu);
            thread::sleep(POLL);
        }
        (rss, cpu)
    });
    let status = child.wait()?;
    let wall = begun.elapsed();
    let (peak_rss_bytes, cpu) = watcher.join().expect("reading does not panic");
    if !status.success() {
        use std::io::{Read as _, Seek as _};
        let (mut text, mut stderr) = (String::new(), stderr);
        stderr.rewind()?;
        stderr.read_to_string(&mut text)?;
        let program = command.get_program().display();
        ensure!(false, "{program} exited with {status}: {text}");
    }
    Ok(Cost {
        wall,
        cpu,
        peak_rss_bytes,
    })
}

/// The highest resident set so far; `None` once the process is gone.
fn peak_rss(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// CPU time so far of all threads, including those that have exited.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name in brackets, user and system time are the 12th and 13th fields, in ticks.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1))
}
