//! Packs files into a layer in a layout.

use std::io::{self, Write};
use std::sync::OnceLock;

use flate2::Crc;
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Digest, Hasher};

use super::CONTRACT;
use super::compression::LayerCompression;
use super::files::{Files, LayerError};
use super::writer::{CompressingWriter, Jobs, Written};
use crate::cache::Cache;
use crate::file_state::Moment;

/// The kinds of cached results.
const TARS: &str = "tars";
const LAYERS: &str = "layers";

/// A stored layer, as the manifest and the configuration describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The compressed blob.
    pub(crate) descriptor: Descriptor,
    /// The digest of the tar inside.
    pub(crate) diff_id: Digest,
    /// What created it, for the image's history.
    pub(crate) created_by: String,
}

/// A tar that is stored: its compressed blob, and its own digest.
#[derive(Clone, Debug)]
struct Packed {
    descriptor: Descriptor,
    diff_id: Digest,
}

/// Packs the layers of a run.
///
/// Two results are cached: the digest of the tar of files, while those do not change, and the blob that a tar is
/// compressed to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packer<'a> {
    pub(crate) layout: &'a Layout,
    /// The time of everything in the layers, in seconds since 1970.
    pub(crate) mtime: u64,
    pub(crate) compression: LayerCompression,
    pub(crate) cache: &'a Cache,
}

impl Packer<'_> {
    /// Stores the files as a layer, unless the layout has it from an earlier run.
    ///
    /// # Errors
    /// If a file cannot be read, or the layer cannot be written.
    pub(crate) fn pack(&self, files: &Files, created_by: &str) -> Result<Layer, LayerError> {
        let (files_key, state) = files.state()?;
        let key = format!("{CONTRACT} {} {files_key}", self.mtime);
        let diff_id = state.get(self.cache, TARS, &key);
        let packed = if let Some(known) = diff_id.and_then(|diff_id| self.known(diff_id)) {
            known
        } else {
            let since = Moment::now(self.cache);
            let packed = self.store(files)?;
            // Files that changed meanwhile may be another layer now.
            if files.state()?.1 == state {
                state.put(self.cache, TARS, &key, packed.diff_id, since);
            }
            packed
        };
        Ok(Layer {
            descriptor: packed.descriptor,
            diff_id: packed.diff_id,
            created_by: created_by.to_owned(),
        })
    }

    /// The layer with this tar, if the layout has it from an earlier run.
    fn known(&self, diff_id: Digest) -> Option<Packed> {
        let descriptor: Descriptor = self.cache.get(LAYERS, &self.layer_key(diff_id))?;
        let packed = Packed {
            descriptor,
            diff_id,
        };
        self.layout.has_blob(&packed.descriptor).then_some(packed)
    }

    fn layer_key(&self, diff_id: Digest) -> String {
        format!("{CONTRACT} {} {diff_id}", self.compression)
    }

    /// Stores the files as a layer. The digest of the tar is computed meanwhile, in a fraction of the time; writing
    /// stops if the layout turns out to have the layer.
    fn store(&self, files: &Files) -> Result<Packed, LayerError> {
        let found = OnceLock::new();
        let hash = || {
            let tar = Tar::of(files, self.mtime)?;
            if let Some(known) = self.known(tar.diff_id) {
                let _ = found.set(known);
            }
            Ok::<_, LayerError>(tar)
        };
        let (written, tar) = std::thread::scope(|scope| {
            let tar = scope.spawn(hash);
            let written = self.write(files, &found);
            (written, tar.join().expect("hashing does not panic"))
        });
        if let Some(known) = found.into_inner() {
            return Ok(known);
        }
        let written = written.map_err(|error| self.named(error))?;
        self.complete(written, &tar?)
    }

    /// Stores the blob of a tar. The files were read twice, for the blob and for the digest: if one changed in between,
    /// the two are not of the same tar, and no engine would accept the layer.
    fn complete(&self, written: Written, tar: &Tar) -> Result<Packed, LayerError> {
        let sums = |crc: &Crc| (crc.sum(), crc.amount());
        if sums(&written.tar) != sums(&tar.crc) {
            return Err(LayerError::Changed);
        }
        let (digest, size) = written.blob.commit()?;
        let descriptor = Descriptor::new(self.compression.media_type(), digest, size);
        let diff_id = tar.diff_id;
        self.cache
            .put(LAYERS, &self.layer_key(diff_id), &descriptor);
        Ok(Packed {
            descriptor,
            diff_id,
        })
    }

    /// An error of writing, with its path.
    fn named(&self, error: LayerError) -> LayerError {
        match error {
            LayerError::Write(source) => LayerError::Layout(LayoutError::Io {
                operation: "write to",
                path: self.layout.path().to_owned(),
                source,
            }),
            error => error,
        }
    }

    /// Writes the layer, until one is `found`.
    fn write(&self, files: &Files, found: &OnceLock<Packed>) -> Result<Written, LayerError> {
        let blob = self.layout.blob_writer()?;
        let jobs = Jobs::default();
        std::thread::scope(|scope| {
            let writer = CompressingWriter::start(scope, blob, self.compression, &jobs);
            let mut tar = Stoppable {
                inner: writer,
                found,
            };
            let written = files.write_tar(self.mtime, &mut tar);
            tar.inner.finish(written)
        })
    }
}

/// The digest and the checksum of a tar.
struct Tar {
    diff_id: Digest,
    crc: Crc,
}

impl Tar {
    fn of(files: &Files, mtime: u64) -> Result<Self, LayerError> {
        let mut sums = Sums::default();
        files.write_tar(mtime, &mut sums)?;
        Ok(Self {
            diff_id: sums.hasher.finish().0,
            crc: sums.crc,
        })
    }
}

#[derive(Default)]
struct Sums {
    hasher: Hasher,
    crc: Crc,
}

impl Write for Sums {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        self.crc.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes bytes on, and fails once a layer is found.
struct Stoppable<'a, W> {
    inner: W,
    found: &'a OnceLock<Packed>,
}

impl<W: Write> Write for Stoppable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.found.get().is_some() {
            return Err(io::Error::other("the layout has the layer"));
        }
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Bytes that cannot be compressed well.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 28) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    struct Folder {
        directory: tempfile::TempDir,
        layout: Layout,
        cache: Cache,
    }

    impl Folder {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            Self {
                layout: Layout::create(directory.path().join("layout")).unwrap(),
                cache: Cache::new(directory.path().join("cache")),
                directory,
            }
        }

        fn packer(&self, compression: &str) -> Packer<'_> {
            Packer {
                layout: &self.layout,
                mtime: 0,
                compression: compression.parse().unwrap(),
                cache: &self.cache,
            }
        }

        fn pack(&self, files: &Files, compression: &str) -> Result<Layer, LayerError> {
            self.packer(compression).pack(files, "test")
        }

        fn unpacked(&self, layer: &Layer) -> Vec<u8> {
            let blob = self.layout.blob(&layer.descriptor).unwrap();
            let mut tar = Vec::new();
            let media_type = &layer.descriptor.media_type;
            let mut reader = crate::contents::unpacked(blob, media_type).unwrap();
            reader.read_to_end(&mut tar).unwrap();
            tar
        }
    }

    /// Changing the compressor, its level or the tar changes the digest of every image. It requires a new
    /// [`CONTRACT`].
    #[test]
    fn the_digest_of_a_layer_is_known() {
        let digests = ["gzip", "zstd"].map(|compression| {
            let folder = Folder::new();
            let layer = folder.pack(&Files::sample(), compression).unwrap();
            assert_eq!(
                layer.diff_id.to_string(),
                "sha256:d356afc24c69552c5e3c02b519cadfae1d6b8532b39558ee57231f04c7622d7c"
            );
            layer.descriptor.digest.to_string()
        });
        assert_eq!(
            digests,
            [
                "sha256:d6d63909794ff766274944c304bbae4263be719fc98b2f011b538a078be5ff52",
                "sha256:7e73c0059e36bd2932f93e524be9d6faa2988c1d6c4b8f2481d263dae266de48",
            ]
        );
    }

    /// Sizes include those around the end of a block.
    #[test]
    fn any_reader_can_read_a_packed_layer() {
        let block = super::super::gzip::BLOCK_BYTES;
        for size in [0, 1, block - 1024, block - 512, 3 * block + 7] {
            for compression in ["gzip", "gzip:6", "gzip:9", "zstd", "zstd:9"] {
                let folder = Folder::new();
                let mut files = Files::default();
                files.file("x", 0o644, noise(size));
                let layer = folder.pack(&files, compression).unwrap();
                let tar = folder.unpacked(&layer);
                assert_eq!(Digest::of(&tar), layer.diff_id, "{size} {compression}");
                let mut archive = tar::Archive::new(&tar[..]);
                let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                assert!(content == noise(size), "{size} {compression}");
                if compression.starts_with("gzip") {
                    // There is only one member: some readers stop after the first.
                    let blob = folder.layout.blob(&layer.descriptor).unwrap();
                    let mut all = Vec::new();
                    let mut reader = flate2::read::GzDecoder::new(blob);
                    reader.read_to_end(&mut all).unwrap();
                    assert!(all == tar, "{size} {compression}");
                }
            }
        }
    }

    #[test]
    fn unchanged_files_are_not_packed_again() {
        let folder = Folder::new();
        let layer = folder.pack(&Files::sample(), "gzip").unwrap();
        let blob = folder.layout.blob_path(&layer.descriptor.digest);
        let size = std::fs::metadata(&blob).unwrap().len();
        // A blob of the right size is trusted, and not written again.
        std::fs::write(&blob, vec![0; usize::try_from(size).unwrap()]).unwrap();
        assert_eq!(folder.pack(&Files::sample(), "gzip").unwrap(), layer);
        assert_eq!(std::fs::read(&blob).unwrap()[0], 0);
        std::fs::remove_file(&blob).unwrap();
        assert_eq!(folder.pack(&Files::sample(), "gzip").unwrap(), layer);
        assert_ne!(std::fs::read(&blob).unwrap()[0], 0);
        assert_ne!(
            folder.pack(&Files::sample(), "gzip:6").unwrap().descriptor,
            layer.descriptor
        );
        let mut other = Files::sample();
        other.file("usr/local/bin/x", 0o750, b"binary".to_vec());
        assert_ne!(folder.pack(&other, "gzip").unwrap().diff_id, layer.diff_id);
    }

    #[test]
    fn packing_stops_without_a_blob_once_the_layer_is_found() {
        for compression in ["gzip", "zstd"] {
            let folder = Folder::new();
            let known = folder.pack(&Files::sample(), compression).unwrap();
            let found = OnceLock::from(Packed {
                descriptor: known.descriptor,
                diff_id: known.diff_id,
            });
            let mut other = Files::default();
            other.file("x", 0o644, noise(3 << 20));
            let written = folder.packer(compression).write(&other, &found);
            assert!(written.is_err());
            let blobs = folder.layout.path().join("blobs/sha256");
            assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 1);
        }
    }

    /// Of the same size, so that only the checksums differ.
    #[test]
    fn files_that_change_between_their_two_reads_are_an_error() {
        for compression in ["gzip", "zstd"] {
            let folder = Folder::new();
            let files = |content: Vec<u8>| {
                let mut files = Files::default();
                files.file("x", 0o644, content);
                files
            };
            let packer = folder.packer(compression);
            let before = files(noise(3 << 20));
            let written = || packer.write(&before, &OnceLock::new()).unwrap();
            let mut changed = noise(3 << 20);
            changed[2 << 20] ^= 1;
            let changed = Tar::of(&files(changed), 0).unwrap();
            let error = packer.complete(written(), &changed).unwrap_err();
            assert!(matches!(error, LayerError::Changed), "{error}");
            let blobs = folder.layout.path().join("blobs/sha256");
            assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0);
            let unchanged = Tar::of(&before, 0).unwrap();
            packer.complete(written(), &unchanged).unwrap();
        }
    }

    #[test]
    fn a_file_that_changes_is_an_error_and_leaves_nothing() {
        for compression in ["gzip", "zstd"] {
            let folder = Folder::new();
            let path = folder.directory.path().join("file");
            std::fs::write(&path, noise(3 << 20)).unwrap();
            let open = |size| {
                let mut files = Files::default();
                files.open_file("x", 0o644, std::fs::File::open(&path).unwrap(), size);
                files
            };
            for (size, expected) in [(5 << 20, "shorter"), (1 << 20, "longer")] {
                let error = folder.pack(&open(size), compression).unwrap_err();
                let LayerError::File { source, .. } = error else {
                    panic!("{error}")
                };
                assert!(source.to_string().contains(expected), "{source}");
            }
            let asset = crate::assets::Asset {
                source: crate::assets::Source::File {
                    path: folder.directory.path().join("vanished"),
                    size: 7,
                },
                mode: crate::assets::FileMode(0o644),
                owner: crate::setting_values::User::ROOT,
            };
            let mut files = Files::default();
            files.asset("x", &asset);
            let error = folder.pack(&files, compression).unwrap_err();
            assert!(error.to_string().ends_with("vanished`"), "{error}");
            for folder_of_layout in ["blobs/sha256", ".ingest"] {
                let left = folder.layout.path().join(folder_of_layout);
                assert_eq!(std::fs::read_dir(left).unwrap().count(), 0);
            }
        }
    }
}
