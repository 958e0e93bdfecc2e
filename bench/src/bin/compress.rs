//! The minimum of work to pack a file: its digest, its compression, and the digest of that. Anything above it
//! is the cost of creating an image.
//!
//! `compress FILE` compresses blocks of the file with all cores, by the codec and level of `imagebuilder`'s gzip,
//! and stores nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::{Context as _, ensure};
use flate2::{Compress, Compression, FlushCompress};
use oci::{Digest, Hasher};

const BLOCK_BYTES: usize = 512 << 10;
const WINDOW_BYTES: usize = 32 << 10;
const LEVEL: u32 = 1;

/// The number of a block, and what it is compressed to.
type Block = (u64, Vec<u8>);

fn main() -> anyhow::Result<()> {
    let path = std::env::args_os()
        .nth(1)
        .context("the argument is a file")?;
    let file = &File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = &AtomicU64::new(0);
    thread::scope(|scope| {
        let (send, receive) = sync_channel(2 * threads);
        let input = scope.spawn(move || digest(file));
        let mut workers = Vec::new();
        for _ in 0..threads {
            let send = send.clone();
            workers.push(scope.spawn(move || compress(file, next, &send)));
        }
        drop(send);
        let (output, bytes) = in_order(&receive);
        let input = input.join().expect("hashing does not panic")?;
        for worker in workers {
            worker.join().expect("compressing does not panic")?;
        }
        writeln!(io::stdout(), "{input} {output} {bytes}").context("cannot write the digests")
    })
}

fn digest(file: &File) -> anyhow::Result<Digest> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read_at(&mut buffer, hasher.size())? {
            0 => return Ok(hasher.finish().0),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// Compresses blocks that no other thread has taken, each with the end of the one before it as its dictionary.
fn compress(file: &File, next: &AtomicU64, send: &SyncSender<Block>) -> anyhow::Result<()> {
    let mut buffer = vec![0; WINDOW_BYTES + BLOCK_BYTES];
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let start = number * BLOCK_BYTES as u64;
        let window = if number == 0 { 0 } else { WINDOW_BYTES };
        let mut size = 0;
        while size < window + BLOCK_BYTES {
            let part = &mut buffer[size..window + BLOCK_BYTES];
            match file.read_at(part, start - window as u64 + size as u64)? {
                0 => break,
                count => size += count,
            }
        }
        if size <= window {
            return Ok(());
        }
        let mut deflate = Compress::new(Compression::new(LEVEL), false);
        if window > 0 {
            deflate.set_dictionary(&buffer[..window])?;
        }
        // With room to spare, one call does it.
        let mut out = Vec::with_capacity(2 * BLOCK_BYTES);
        deflate.compress_vec(&buffer[window..size], &mut out, FlushCompress::Sync)?;
        ensure!(out.len() < out.capacity(), "a block became larger");
        send.send((number, out))?;
    }
}

/// The digest and size of the blocks in their order.
fn in_order(receive: &Receiver<Block>) -> (Digest, u64) {
    let mut hasher = Hasher::new();
    let (mut waiting, mut next) = (BTreeMap::new(), 0);
    for (number, bytes) in receive {
        waiting.insert(number, bytes);
        while let Some(bytes) = waiting.remove(&next) {
            hasher.update(&bytes);
            next += 1;
        }
    }
    hasher.finish()
}
