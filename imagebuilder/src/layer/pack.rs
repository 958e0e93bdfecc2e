//! Packs files into a layer in a layout.

use std::io::{self, Write};
use std::sync::OnceLock;

use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Digest, Hasher};
use serde::{Deserialize, Serialize};

use super::CONTRACT;
use super::compression::LayerCompression;
use super::files::{Files, LayerError};
use super::writer::{CompressingWriter, Jobs};
use crate::cache::Cache;

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

/// The cached result for a layer.
#[derive(Serialize, Deserialize)]
struct Packed {
    descriptor: Descriptor,
    diff_id: Digest,
}

/// Packs the layers of a run.
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
        let key = files.known_key(self.cache)?;
        let packed = match key.as_deref().and_then(|key| self.known(key)) {
            Some(known) => known,
            None => self.store(files, key)?,
        };
        Ok(Layer {
            descriptor: packed.descriptor,
            diff_id: packed.diff_id,
            created_by: created_by.to_owned(),
        })
    }

    /// The layer of the files with this key, if the layout has it from an earlier run.
    fn known(&self, key: &str) -> Option<Packed> {
        let known: Packed = self.cache.get("layers", &self.cache_key(key))?;
        self.layout.has_blob(&known.descriptor).then_some(known)
    }

    fn cache_key(&self, key: &str) -> String {
        let Self {
            compression, mtime, ..
        } = self;
        format!("{CONTRACT} {compression} {mtime} {key}")
    }

    /// Stores the files as a layer. If their key is not known, they are read for it meanwhile, which takes a fraction
    /// of the time, and writing stops if the layout turns out to have the layer.
    fn store(&self, files: &Files, key: Option<String>) -> Result<Packed, LayerError> {
        let found = OnceLock::new();
        let read = || {
            let key = files.key(self.cache)?;
            if let Some(known) = self.known(&key) {
                let _ = found.set(known);
            }
            Ok::<_, LayerError>(key)
        };
        let (written, key) = std::thread::scope(|scope| {
            let key = scope.spawn(|| key.map_or_else(read, Ok));
            let written = self.write(files, &found);
            (written, key.join().expect("reading does not panic"))
        });
        if let Some(known) = found.into_inner() {
            return Ok(known);
        }
        let packed = written.map_err(|error| self.named(error))?;
        let key = key?;
        // If a file changed since its digest was computed, it is another layer.
        if files.key(self.cache)? == key {
            self.cache.put("layers", &self.cache_key(&key), &packed);
        }
        Ok(packed)
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
    fn write(&self, files: &Files, found: &OnceLock<Packed>) -> Result<Packed, LayerError> {
        let blob = self.layout.blob_writer()?;
        let jobs = Jobs::default();
        let (diff_id, (digest, size)) = std::thread::scope(|scope| {
            let writer = CompressingWriter::start(scope, blob, self.compression, &jobs);
            let mut tee = Tee {
                inner: writer,
                hasher: Hasher::new(),
                found,
            };
            let written = files.write_tar(self.mtime, &mut tee);
            let (diff_id, _) = tee.hasher.finish();
            let stored = tee.inner.finish(written)?;
            Ok::<_, LayerError>((diff_id, stored))
        })?;
        let media_type = self.compression.media_type();
        Ok(Packed {
            descriptor: Descriptor::new(media_type, digest, size),
            diff_id,
        })
    }
}

/// Hashes the bytes that it passes on, and fails once a layer is found.
struct Tee<'a, W> {
    inner: W,
    hasher: Hasher,
    found: &'a OnceLock<Packed>,
}

impl<W: Write> Write for Tee<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.found.get().is_some() {
            return Err(io::Error::other("the layout has the layer"));
        }
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
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
