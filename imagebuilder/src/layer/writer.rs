//! Compresses its input on other threads, and stores the result as a blob.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use flate2::Crc;
use oci::layout::BlobWriter;

use super::compression::LayerCompression;
use super::files::LayerError;
use super::gzip::{self, BLOCK_BYTES, Block, Compressed};

/// The most threads that compress: more would wait for the thread that writes the tar.
const MAX_THREADS: usize = 8;

/// A block, and the sender for its result.
type Job = (Block, SyncSender<io::Result<Compressed>>);

/// Jobs for the compressing threads, which take one at a time.
pub(super) type Jobs = Mutex<Option<Receiver<Job>>>;

/// A blob that is written, but not stored yet.
pub(super) struct Written {
    pub(super) blob: BlobWriter,
    /// The checksum of what was compressed.
    pub(super) tar: Crc,
}

/// The writer's side: blocks in their order.
pub(super) struct CompressingWriter<'scope> {
    buffer: Vec<u8>,
    /// The end of the previous block.
    window: Vec<u8>,
    output: Output,
    stored: ScopedJoinHandle<'scope, Result<Written, LayerError>>,
}

enum Output {
    Gzip {
        jobs: SyncSender<Job>,
        /// The results in the order of the blocks.
        results: SyncSender<Receiver<io::Result<Compressed>>>,
    },
    Zstd {
        blocks: SyncSender<Vec<u8>>,
    },
}

impl<'scope> CompressingWriter<'scope> {
    /// Starts the threads; their output is written to `blob`.
    pub(super) fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        blob: BlobWriter,
        compression: LayerCompression,
        jobs: &'env Jobs,
    ) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.min(MAX_THREADS);
        let (output, stored) = match compression {
            LayerCompression::Gzip(level) => {
                let (send, receive) = sync_channel::<Job>(threads);
                *jobs.lock().unwrap_or_else(PoisonError::into_inner) = Some(receive);
                for _ in 0..threads {
                    scope.spawn(move || work(jobs, level));
                }
                let (results, ordered) = sync_channel(2 * threads);
                let stored = scope.spawn(move || store_gzip(blob, &ordered));
                (
                    Output::Gzip {
                        jobs: send,
                        results,
                    },
                    stored,
                )
            }
            LayerCompression::Zstd(level) => {
                let (blocks, receive) = sync_channel(4);
                let stored = scope.spawn(move || store_zstd(blob, level, &receive));
                (Output::Zstd { blocks }, stored)
            }
        };
        Self {
            buffer: Vec::with_capacity(BLOCK_BYTES),
            window: Vec::new(),
            output,
            stored,
        }
    }

    /// Passes a block on. An error here only means that the storing thread has failed, which
    /// [`CompressingWriter::finish`] reports.
    fn hand_on(&mut self, is_last: bool) -> io::Result<()> {
        let bytes = std::mem::replace(&mut self.buffer, Vec::with_capacity(BLOCK_BYTES));
        let handed = match &self.output {
            Output::Zstd { blocks } => blocks.send(bytes).is_ok(),
            Output::Gzip { jobs, results } => {
                let block = Block {
                    dictionary: std::mem::take(&mut self.window),
                    bytes,
                    is_last,
                };
                self.window = block.window();
                let (send, receive) = sync_channel(1);
                results.send(receive).is_ok() && jobs.send((block, send)).is_ok()
            }
        };
        if handed {
            Ok(())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    /// The blob, if everything was written. An error of the storing thread takes precedence over one of writing,
    /// which it causes.
    pub(super) fn finish(mut self, written: Result<(), LayerError>) -> Result<Written, LayerError> {
        let written = written.and_then(|()| self.hand_on(true).map_err(LayerError::Write));
        let Self { output, stored, .. } = self;
        if let (Ok(()), Output::Zstd { blocks }) = (&written, &output) {
            // An empty block terminates the stream.
            let _ = blocks.send(Vec::new());
        }
        // Without the last block it is incomplete.
        drop(output);
        let stored = stored.join().expect("storing does not panic");
        match (written, stored) {
            (Ok(()), stored) => stored,
            (Err(error), Ok(_) | Err(LayerError::Incomplete)) => Err(error),
            (Err(_), Err(cause)) => Err(cause),
        }
    }
}

impl Write for CompressingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == BLOCK_BYTES {
            self.hand_on(false)?;
        }
        let count = bytes.len().min(BLOCK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compresses blocks until there are no more.
fn work(jobs: &Jobs, level: u32) {
    loop {
        let job = {
            let guard = jobs.lock().unwrap_or_else(PoisonError::into_inner);
            guard.as_ref().map(Receiver::recv)
        };
        let Some(Ok((block, result))) = job else {
            return;
        };
        // If storing has failed, no thread waits for it.
        let _ = result.send(gzip::compress(&block, level));
    }
}

fn store_gzip(
    mut blob: BlobWriter,
    ordered: &Receiver<Receiver<io::Result<Compressed>>>,
) -> Result<Written, LayerError> {
    let mut crc = Crc::new();
    let mut is_first = true;
    while let Ok(result) = ordered.recv() {
        // The last block was never passed on, since writing the tar failed.
        let Ok(compressed) = result.recv() else {
            return Err(LayerError::Incomplete);
        };
        let compressed = compressed.map_err(LayerError::Write)?;
        if is_first {
            blob.write_all(&gzip::HEADER).map_err(LayerError::Write)?;
            is_first = false;
        }
        blob.write_all(&compressed.bytes)
            .map_err(LayerError::Write)?;
        crc.combine(&compressed.crc);
        if compressed.is_last {
            blob.write_all(&gzip::trailer(&crc))
                .map_err(LayerError::Write)?;
            return Ok(Written { blob, tar: crc });
        }
    }
    Err(LayerError::Incomplete)
}

fn store_zstd(
    blob: BlobWriter,
    level: u32,
    blocks: &Receiver<Vec<u8>>,
) -> Result<Written, LayerError> {
    let level = i32::try_from(level).expect("the parser bounds it");
    let encoder = zstd::stream::write::Encoder::new(blob, level);
    let mut encoder = encoder.map_err(LayerError::Write)?;
    let mut crc = Crc::new();
    while let Ok(block) = blocks.recv() {
        if block.is_empty() {
            let blob = encoder.finish().map_err(LayerError::Write)?;
            return Ok(Written { blob, tar: crc });
        }
        crc.update(&block);
        encoder.write_all(&block).map_err(LayerError::Write)?;
    }
    Err(LayerError::Incomplete)
}
