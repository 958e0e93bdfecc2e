//! The process: reads the streams until both are closed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;

use super::batch::Batch;
use super::lines::Lines;
use super::log::Log;
use super::losses::{Dropped, OnLoss};
use super::pipes::{inode, read_end};
use super::queue::{Pusher, Queue};
use super::{Input, MAX_FILE_BYTES, MAX_FILES, Pipes, Report};
use crate::logs::Stream;

/// The size of a read: a quarter of a pipe's capacity.
const READ_BYTES: usize = 16 * 1024;

/// How long writing the last lines may take: less than the 12 s after which the shim kills a writer
/// (`binaryIOProcTermTimeout` of containerd), since the container's deletion waits for it.
const LAST_WRITES: Duration = Duration::from_secs(4);

/// Why a writer failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriterError {
    #[error("cannot open the container's output")]
    Open(#[source] io::Error),
    #[error("cannot wait for the container's output")]
    Poll(#[source] Errno),
    #[error("cannot start the thread that writes the log")]
    Thread(#[source] io::Error),
}

/// One stream of the container.
struct Source {
    pipe: File,
    stream: Stream,
    lines: Lines,
    open: bool,
}

impl Source {
    fn new(descriptor: u32, stream: Stream) -> Result<Self, WriterError> {
        let path = format!("/proc/self/fd/{descriptor}");
        Ok(Self {
            pipe: read_end(Path::new(&path)).map_err(WriterError::Open)?,
            stream,
            lines: Lines::default(),
            open: true,
        })
    }

    /// Reads once, and adds complete parts to the batch; `false` if nothing is available.
    fn read(&mut self, buffer: &mut [u8], batch: &mut Batch, now: Timestamp) -> bool {
        let stream = self.stream;
        match self.pipe.read(buffer) {
            Ok(0) => {}
            Ok(read) => {
                let push = |tag, text: &[u8]| batch.push(now, stream, tag, text);
                self.lines.push(&buffer[..read], push);
                return true;
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                return false;
            }
            // It cannot be read: treat it as closed.
            Err(_) => {}
        }
        self.open = false;
        self.finish(batch, now);
        false
    }

    fn finish(&mut self, batch: &mut Batch, now: Timestamp) {
        let stream = self.stream;
        self.lines
            .finish(|tag, text| batch.push(now, stream, tag, text));
    }
}

/// Copies the container's output until it has closed both streams. After SIGTERM, which the shim sends
/// when the container was deleted, stops as soon as nothing is left to read.
///
/// # Errors
/// [`WriterError`]. A log that cannot be written is not an error.
pub(crate) fn run(input: &Input, clock: fn() -> Timestamp) -> Result<(), WriterError> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    let terminated = signals
        .thread_block()
        .and_then(|()| SignalFd::new(&signals))
        .map_err(WriterError::Poll)?;
    // A terminal's signals are for nodectl, not for this process, which outlives it.
    let mut ignored = SigSet::empty();
    ignored.add(Signal::SIGINT);
    ignored.add(Signal::SIGHUP);
    ignored.add(Signal::SIGQUIT);
    ignored.thread_block().map_err(WriterError::Poll)?;
    let mut sources = [
        Source::new(input.streams[0], Stream::Stdout)?,
        Source::new(input.streams[1], Stream::Stderr)?,
    ];
    // Without this file, nodectl cannot replace a killed writer; the log is written anyway.
    let _ = record(input, &sources);
    if let Some(ready) = input.ready {
        let ready = OpenOptions::new()
            .write(true)
            .open(format!("/proc/self/fd/{ready}"));
        // If the shim no longer waits, the pipes are closed too.
        let _ = ready.and_then(|mut ready| ready.write_all(b"1"));
    }
    let report = on_loss(input);
    let queue = Arc::new(Queue::new());
    let mut log = Log::new(&input.log, MAX_FILE_BYTES, MAX_FILES, Arc::clone(&report));
    let batches = Arc::clone(&queue);
    let write = move || {
        while let Some(batch) = batches.pop() {
            log.write(&batch, clock());
        }
    };
    let disk = std::thread::Builder::new().name("disk".to_owned());
    disk.spawn(write).map_err(WriterError::Thread)?;
    let mut pusher = Pusher::new(Arc::clone(&queue), report);
    let read = read_all(&mut sources, &terminated, &mut pusher, clock);
    queue.close(LAST_WRITES);
    read
}

/// Reports losses to the running `nodectl up`.
fn on_loss(input: &Input) -> OnLoss {
    let (log, dir) = (input.log.clone(), input.instance_dir().map(Path::to_owned));
    Arc::new(move |dropped: &Dropped| {
        let report = Report {
            log: log.clone(),
            dropped: dropped.clone(),
        };
        // Without a running nodectl, only the note in the log remains.
        let _ = dir.as_ref().map(|dir| report.send(dir));
    })
}

/// Reads until both streams are closed, or SIGTERM was received and nothing is left.
fn read_all(
    sources: &mut [Source; 2],
    terminated: &SignalFd,
    pusher: &mut Pusher,
    clock: fn() -> Timestamp,
) -> Result<(), WriterError> {
    let mut buffer = vec![0; READ_BYTES];
    let mut batch = Batch::default();
    let mut last = false;
    while sources.iter().any(|source| source.open) {
        if !last {
            last = wait(sources, terminated)?;
        }
        let mut read = false;
        for source in sources.iter_mut().filter(|source| source.open) {
            let now = clock();
            read |= source.read(&mut buffer, &mut batch, now);
            pusher.push(&mut batch, now);
        }
        if last && !read {
            break;
        }
    }
    for source in sources {
        source.finish(&mut batch, clock());
    }
    pusher.push(&mut batch, clock());
    Ok(())
}

/// Waits until there is something to read; `true` if SIGTERM was received.
fn wait(sources: &[Source], terminated: &SignalFd) -> Result<bool, WriterError> {
    let open = sources.iter().filter(|source| source.open);
    let mut all: Vec<_> = open
        .map(|source| PollFd::new(source.pipe.as_fd(), PollFlags::POLLIN))
        .collect();
    all.push(PollFd::new(terminated.as_fd(), PollFlags::POLLIN));
    match poll(&mut all, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(WriterError::Poll(errno)),
    }
    Ok(all.last().is_some_and(|signal| signal.any() == Some(true)))
}

fn record(input: &Input, [stdout, stderr]: &[Source; 2]) -> io::Result<()> {
    let Some(path) = input.record() else {
        return Ok(());
    };
    let before = Pipes::load(&path);
    let pipes = Pipes {
        writer: std::process::id(),
        // A writer that nodectl starts is not the shim's child.
        shim: before
            .filter(|_| input.ready.is_none())
            .map_or_else(std::os::unix::process::parent_id, |before| before.shim),
        stdout: inode(&stdout.pipe)?,
        stderr: inode(&stderr.pipe)?,
    };
    pipes.save(&path)
}
