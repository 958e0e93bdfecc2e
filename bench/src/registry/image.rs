//! Images to push: layers of incompressible bytes, in gzip's stored blocks.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use oci::image::Manifest;
use oci::layout::Layout;
use oci::{Descriptor, MediaType, annotation};

/// The most bytes of a stored block, [RFC 1951, section 3.2.4](https://www.rfc-editor.org/rfc/rfc1951).
const BLOCK_BYTES: usize = 65_535;

/// Writes a layer with `content_bytes` of content.
pub(crate) fn layer(layout: &Layout, content_bytes: u64, seed: u64) -> anyhow::Result<Descriptor> {
    let mut writer = layout.blob_writer()?;
    // Magic, deflate, no flags, no time, no extra flags, Unix.
    writer.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])?;
    let mut state = seed;
    let mut left = content_bytes;
    let mut crc = Crc::new();
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    while left > 0 {
        block.clear();
        let count = usize::try_from(left).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
        while block.len() < count {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            block.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
        }
        block.truncate(count);
        left -= count as u64;
        let size = u16::try_from(count).context("a block fits")?;
        writer.write_all(&[u8::from(left == 0)])?;
        writer.write_all(&size.to_le_bytes())?;
        writer.write_all(&(!size).to_le_bytes())?;
        writer.write_all(&block)?;
        crc.update(&block);
    }
    writer.write_all(&crc.finish().to_le_bytes())?;
    let modulo = u32::try_from(content_bytes % (1 << 32)).context("it is below 2^32")?;
    writer.write_all(&modulo.to_le_bytes())?;
    let (digest, size) = writer.commit()?;
    Ok(Descriptor::new(MediaType::OCI_LAYER_GZIP, digest, size))
}

/// Writes an image of these layers under a name.
pub(crate) fn image(layout: &Layout, name: &str, layers: Vec<Descriptor>) -> anyhow::Result<()> {
    let diff_ids: Vec<_> = layers.iter().map(|layer| layer.digest).collect();
    let config = serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Labels": { "name": name } },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    })
    .to_string();
    layout.write_bytes(config.as_bytes())?;
    let config = Descriptor::of(MediaType::OCI_CONFIG, config.as_bytes());
    let (bytes, mut root) = Manifest::new(config, layers).to_bytes();
    layout.write_bytes(&bytes)?;
    let name = name.to_owned();
    root.annotations.insert(annotation::REF_NAME.into(), name);
    layout.put_index_entry(&root)?;
    Ok(())
}

/// A layout with one image of `layers` layers, `bytes` in total.
pub(crate) fn large(path: &Path, bytes: u64, layers: usize) -> anyhow::Result<()> {
    let layout = Layout::create(path)?;
    let each = bytes / layers as u64;
    let layers = (0..layers)
        .map(|number| layer(&layout, each, number as u64))
        .collect::<anyhow::Result<Vec<_>>>()?;
    image(&layout, "large:v1", layers)
}

/// The checksum of gzip, [RFC 1952, section 8](https://www.rfc-editor.org/rfc/rfc1952#section-8).
struct Crc {
    table: [u32; 256],
    value: u32,
}

impl Crc {
    fn new() -> Self {
        let mut table = [0; 256];
        for (number, entry) in (0_u32..).zip(&mut table) {
            *entry = (0..8).fold(number, |value, _| {
                (value >> 1) ^ (0xedb8_8320 * (value & 1))
            });
        }
        Self {
            table,
            value: u32::MAX,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let [low, ..] = self.value.to_le_bytes();
            self.value = self.table[usize::from(low ^ byte)] ^ (self.value >> 8);
        }
    }

    fn finish(self) -> u32 {
        !self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        let mut crc = Crc::new();
        crc.update(b"123456789");
        assert_eq!(crc.finish(), 0xcbf4_3926);
    }
}
