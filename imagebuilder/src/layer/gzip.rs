//! One gzip member, whose blocks several threads compress, as pigz does.
//!
//! Each block is compressed with the end of the previous one as its dictionary, and ends at a byte boundary,
//! so that the blocks together form one stream that every gzip reader supports. How the input is divided
//! does not depend on the number of threads, so neither do the bytes.

use std::io;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// How much a thread compresses at a time. Larger blocks do not compress better; smaller ones need more of
/// the 5 bytes between blocks.
pub(super) const BLOCK_BYTES: usize = 512 << 10;

/// How far back a match may be (RFC 1951).
const WINDOW_BYTES: usize = 32 << 10;

/// RFC 1952 section 2.3: deflate, no name, no time, an unknown operating system.
pub(super) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A block to compress.
pub(super) struct Block {
    /// The preceding input, at most [`WINDOW_BYTES`].
    pub(super) dictionary: Vec<u8>,
    pub(super) bytes: Vec<u8>,
    pub(super) is_last: bool,
}

impl Block {
    /// The dictionary of the block after this one.
    pub(super) fn window(&self) -> Vec<u8> {
        let start = self.bytes.len().saturating_sub(WINDOW_BYTES);
        self.bytes[start..].to_vec()
    }
}

/// A block that is compressed.
pub(super) struct Compressed {
    pub(super) bytes: Vec<u8>,
    /// The checksum of what was compressed.
    pub(super) crc: Crc,
    pub(super) is_last: bool,
}

/// Compresses a single block.
pub(super) fn compress(block: &Block, level: u32) -> io::Result<Compressed> {
    let mut deflate = Compress::new(Compression::new(level), false);
    if !block.dictionary.is_empty() {
        deflate.set_dictionary(&block.dictionary)?;
    }
    let flush = if block.is_last {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync
    };
    let mut out = Vec::with_capacity(block.bytes.len() / 2 + 1024);
    loop {
        let consumed = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
        let status = deflate.compress_vec(&block.bytes[consumed..], &mut out, flush)?;
        let is_done = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            // With room to spare, everything was written.
            _ => deflate.total_in() == block.bytes.len() as u64 && out.len() < out.capacity(),
        };
        if is_done {
            break;
        }
        out.reserve(out.capacity().max(4096));
    }
    let mut crc = Crc::new();
    crc.update(&block.bytes);
    Ok(Compressed {
        bytes: out,
        crc,
        is_last: block.is_last,
    })
}

/// The trailer after the last block: the checksum and the size of all input.
pub(super) fn trailer(crc: &Crc) -> [u8; 8] {
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&crc.sum().to_le_bytes());
    trailer[4..].copy_from_slice(&crc.amount().to_le_bytes());
    trailer
}
