//! A layout on disk: its content after writing, and its errors when it is damaged.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use oci::copy::{Destination, Source};
use oci::image::{EMPTY_JSON, Index, Manifest};
use oci::layout::{Layout, LayoutError, LayoutErrorKind};
use oci::referrers::{Referrers, copy_with_referrers};
use oci::{Descriptor, Digest, MediaType, Platform, Reference, annotation};

/// A layout with one image named `x`: its manifest and one layer.
struct Sample {
    directory: tempfile::TempDir,
    layout: Layout,
    manifest: Descriptor,
    layer: Descriptor,
}

fn sample() -> Sample {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).unwrap();
    let layer = store(&layout, MediaType::OCI_LAYER_GZIP, b"layer");
    let config = store(&layout, MediaType::OCI_CONFIG, b"{}");
    let (bytes, mut manifest) = Manifest::new(config, vec![layer.clone()]).to_bytes();
    layout.write_bytes(&bytes).unwrap();
    name(&mut manifest, "x");
    layout.put_index_entry(&manifest).unwrap();
    Sample {
        directory,
        layout,
        manifest,
        layer,
    }
}

fn store(layout: &Layout, media_type: &str, bytes: &[u8]) -> Descriptor {
    let descriptor = Descriptor::of(media_type, bytes);
    layout.write_blob(&descriptor, &mut &bytes[..]).unwrap();
    descriptor
}

fn name(descriptor: &mut Descriptor, name: &str) {
    descriptor
        .annotations
        .insert(annotation::REF_NAME.to_owned(), name.to_owned());
}

fn read(layout: &Layout, descriptor: &Descriptor) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let blob = layout.blob(descriptor).map_err(|error| full(&error))?;
    { blob }
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// An error with its causes.
fn full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[test]
fn an_image_is_found_by_name_and_by_digest() {
    let Sample {
        directory,
        layout,
        manifest,
        layer,
    } = sample();
    let layout_again = Layout::open(directory.path()).unwrap();
    let find = |text: &str| layout_again.find(&text.parse::<Reference>().unwrap());
    assert_eq!(find("x").unwrap(), manifest);
    assert_eq!(
        find(&format!("anything@{}", manifest.digest)).unwrap(),
        manifest
    );
    assert_eq!(layout.manifest(&manifest).unwrap().layers[0], layer);
    assert_eq!(read(&layout, &layer), Ok(b"layer".to_vec()));
    let error = find("y").unwrap_err().to_string();
    assert!(
        error.ends_with("has no image `y`; available: `x`"),
        "{error}"
    );
    assert!(matches!(find("x:v1"), Err(LayoutError::NoSuchImage { .. })));
}

#[test]
fn a_manifest_below_an_index_is_found_by_digest_and_selected_by_platform() {
    let Sample {
        directory: _directory,
        layout,
        manifest,
        ..
    } = sample();
    let mut child = manifest.clone();
    child.platform = Some(Platform::linux("arm64"));
    let (bytes, mut index) = Index::new(vec![child.clone()]).to_bytes();
    layout.write_bytes(&bytes).unwrap();
    name(&mut index, "x");
    layout.put_index_entry(&index).unwrap();
    let by_digest: Reference = format!("x@{}", manifest.digest).parse().unwrap();
    assert_eq!(layout.find(&by_digest).unwrap(), child);
    assert_eq!(
        layout.select(&index, &Platform::linux("arm64")).unwrap(),
        child
    );
    let error = layout
        .select(&index, &Platform::linux("amd64"))
        .unwrap_err();
    assert!(full(&error).ends_with("no image for linux/amd64; available: linux/arm64"));
}

#[test]
fn kinds_of_damage_are_distinguished() {
    let check = |damage: &dyn Fn(&Sample), expected: &str| {
        let sample = sample();
        damage(&sample);
        let error = read(&sample.layout, &sample.layer).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    let path = |sample: &Sample| sample.layout.blob_path(&sample.layer.digest);
    check(
        &|s| fs::write(path(s), b"lay").unwrap(),
        "is cut short: 3 bytes of 5",
    );
    check(
        &|s| fs::write(path(s), b"layers").unwrap(),
        "is longer than the expected 5 bytes",
    );
    check(
        &|s| fs::write(path(s), b"Layer").unwrap(),
        "is damaged: its digest is sha256:",
    );
    check(&|s| fs::remove_file(path(s)).unwrap(), "is missing from");
    // Something other than a file is neither opened nor listed.
    check(
        &|s| {
            fs::remove_file(path(s)).unwrap();
            fs::create_dir(path(s)).unwrap();
        },
        "is missing from",
    );
    // Through a link it is content like any other: verified.
    check(
        &|s| {
            fs::remove_file(path(s)).unwrap();
            fs::write(s.directory.path().join("other"), b"LAYER").unwrap();
            symlink(s.directory.path().join("other"), path(s)).unwrap();
        },
        "is damaged: its digest is sha256:",
    );
}

#[test]
fn a_damaged_manifest_is_a_mismatch_and_a_wrong_kind_is_an_error() {
    let sample = sample();
    let mut bytes = fs::read(sample.layout.blob_path(&sample.manifest.digest)).unwrap();
    bytes[10] ^= 1;
    fs::write(sample.layout.blob_path(&sample.manifest.digest), bytes).unwrap();
    let error = sample.layout.manifest(&sample.manifest).unwrap_err();
    assert_eq!(error.kind(), LayoutErrorKind::Mismatch, "{error}");
    assert!(matches!(
        sample.layout.manifest(&sample.layer),
        Err(LayoutError::WrongKind { .. })
    ));
    let huge = Descriptor {
        size: 1 << 40,
        ..sample.manifest
    };
    assert!(matches!(
        sample.layout.manifest(&huge),
        Err(LayoutError::Document { .. })
    ));
}

#[test]
fn an_invalid_index_is_an_error_and_is_not_changed() {
    let traversal = r#"{"schemaVersion":2,"manifests":[{"mediaType":"a","size":1,
        "digest":"sha256:../../../../etc/passwd"}]}"#;
    let other = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "manifests":[]}"#;
    for bad in [
        "",
        "{",
        "[]",
        "{\"schemaVersion\":1,\"manifests\":[]}",
        traversal,
        other,
    ] {
        let sample = sample();
        let path = sample.directory.path().join("index.json");
        fs::write(&path, bad).unwrap();
        assert!(
            matches!(sample.layout.entries(), Err(LayoutError::Document { .. })),
            "{bad}"
        );
        let put = sample.layout.put_index_entry(&sample.manifest);
        assert!(matches!(put, Err(LayoutError::Document { .. })), "{bad}");
        assert_eq!(fs::read_to_string(path).unwrap(), bad);
    }
}

#[test]
fn a_directory_that_is_not_a_layout_is_neither_opened_nor_changed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let open = |expected: &str| {
        let error = Layout::open(path).unwrap_err().to_string();
        assert!(error.ends_with(expected), "{error}");
    };
    open("it has no file `oci-layout`");
    fs::write(path.join("precious"), "x").unwrap();
    assert!(matches!(
        Layout::create(path),
        Err(LayoutError::NotALayout { .. })
    ));
    assert_eq!(
        fs::read_dir(path).unwrap().count(),
        1,
        "nothing was written"
    );
    fs::write(path.join("oci-layout"), "{").unwrap();
    open("its file `oci-layout` is damaged");
    fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    open("its version is not 1.0.0");
    assert!(Layout::open(path.join("none")).is_err());
}

#[test]
fn a_blob_with_other_content_is_not_stored() {
    let Sample {
        directory, layout, ..
    } = sample();
    let check = |descriptor: &Descriptor, bytes: &[u8], expected: &str| {
        let error = layout.write_blob(descriptor, &mut &bytes[..]).unwrap_err();
        assert!(
            error.kind() == LayoutErrorKind::Mismatch && full(&error).contains(expected),
            "{}",
            full(&error)
        );
        assert!(!layout.blob_path(&descriptor.digest).exists());
    };
    let descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, b"content");
    check(&descriptor, b"Content", "is damaged: its digest is");
    check(&descriptor, b"conten", "is cut short: 6 bytes of 7");
    check(
        &descriptor,
        b"content and much more",
        "is longer than the expected 7 bytes",
    );
    assert_eq!(
        fs::read_dir(directory.path().join(".ingest"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn writing_a_damaged_blob_again_repairs_it() {
    let Sample {
        directory: _directory,
        layout,
        layer,
        ..
    } = sample();
    fs::write(layout.blob_path(&layer.digest), b"LAYER").unwrap();
    layout.write_blob(&layer, &mut &b"layer"[..]).unwrap();
    assert_eq!(read(&layout, &layer), Ok(b"layer".to_vec()));
}

#[test]
fn a_reader_that_fails_leaves_nothing() {
    struct Failing;
    impl io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable pulled"))
        }
    }
    let Sample {
        directory, layout, ..
    } = sample();
    let descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, b"content");
    let error = layout.write_blob(&descriptor, &mut Failing).unwrap_err();
    assert!(full(&error).ends_with("cable pulled"), "{}", full(&error));
    assert_eq!(
        fs::read_dir(directory.path().join(".ingest"))
            .unwrap()
            .count(),
        0
    );
}

/// The disk starts on a large blob before it is complete.
#[test]
fn a_large_blob_is_stored_or_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).unwrap();
    let bytes: Vec<u8> = (0..=250).cycle().take(9 << 20).collect();
    let begin = || {
        let mut writer = layout.blob_writer().unwrap();
        for part in bytes.chunks(100_000) {
            writer.write_all(part).unwrap();
        }
        writer
    };
    drop(begin());
    for folder in [".ingest", "blobs/sha256"] {
        let left = fs::read_dir(directory.path().join(folder)).unwrap();
        assert_eq!(left.count(), 0, "{folder}");
    }
    let (digest, size) = begin().commit().unwrap();
    let stored = Descriptor::new(MediaType::OCI_LAYER_GZIP, digest, size);
    assert!(read(&layout, &stored).unwrap() == bytes);
}

#[test]
fn leftovers_of_killed_writers_are_removed_and_files_of_running_ones_are_not() {
    let Sample {
        directory, layout, ..
    } = sample();
    let ingest = directory.path().join(".ingest");
    fs::write(ingest.join("left"), b"half a layer").unwrap();
    let mut living = layout.blob_writer().unwrap();
    living.write_all(b"living").unwrap();
    Layout::create(directory.path()).unwrap();
    assert!(!ingest.join("left").exists());
    let (digest, size) = living.commit().unwrap();
    assert_eq!((digest, size), (Digest::of(b"living"), 6));
    assert!(layout.blob_path(&digest).is_file());
}

#[test]
fn an_entry_replaces_one_of_the_same_name_and_unknown_fields_are_preserved() {
    let Sample {
        directory,
        layout,
        manifest,
        ..
    } = sample();
    let path = directory.path().join("index.json");
    let text = fs::read_to_string(&path).unwrap();
    let foreign = text.replacen(
        '{',
        r#"{"annotations":{"a":"b"},"x-tool":{"kept":true},"#,
        1,
    );
    fs::write(&path, foreign).unwrap();
    let mut other = manifest.clone();
    name(&mut other, "y");
    layout.put_index_entry(&other).unwrap();
    let mut replaced = Descriptor::of(MediaType::OCI_MANIFEST, b"other");
    name(&mut replaced, "x");
    layout.put_index_entry(&replaced).unwrap();
    assert_eq!(layout.entries().unwrap(), [replaced, other]);
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .contains(r#""x-tool":{"kept":true}"#)
    );
}

#[test]
fn no_entry_is_lost_when_many_write_at_once() {
    const WRITERS: usize = 12;
    let directory = tempfile::tempdir().unwrap();
    let barrier = Arc::new(Barrier::new(WRITERS));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (path, barrier) = (directory.path().to_owned(), Arc::clone(&barrier));
            thread::spawn(move || {
                barrier.wait();
                // All of them create it, too.
                let layout = Layout::create(path).unwrap();
                store(&layout, MediaType::OCI_LAYER_GZIP, b"the same for all");
                let own = format!("image {writer}");
                let mut entry = store(&layout, MediaType::OCI_MANIFEST, own.as_bytes());
                name(&mut entry, &own);
                layout.put_index_entry(&entry).unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let layout = Layout::open(directory.path()).unwrap();
    let images = layout.entries().unwrap();
    assert_eq!(images.len(), WRITERS);
    for image in images {
        read(&layout, &image).unwrap();
    }
}

/// A layout that counts how often its referrers are requested.
struct Counted {
    layout: Layout,
    asked: Mutex<Vec<BTreeSet<Digest>>>,
}

impl Source for Counted {
    type Error = LayoutError;

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        self.layout.document(descriptor)
    }

    fn open(&self, descriptor: &Descriptor) -> io::Result<Box<dyn io::Read + Send>> {
        Source::open(&self.layout, descriptor)
    }

    fn referrers(&self, subjects: &BTreeSet<Digest>) -> Result<Vec<Descriptor>, LayoutError> {
        self.asked.lock().unwrap().push(subjects.clone());
        self.layout.referrers(subjects)
    }
}

/// The referrers of each level are requested once, whatever the number of platforms, and each document of
/// the layout is read once, whatever the number of levels.
#[test]
fn referrers_are_found_level_by_level_and_read_once() {
    let Sample {
        directory: _directory,
        layout,
        manifest,
        ..
    } = sample();
    let attach = |subject: &Descriptor| {
        let empty = store(&layout, MediaType::EMPTY_JSON, EMPTY_JSON);
        let (bytes, descriptor) = Manifest::artifact("a/b", subject, vec![empty]).to_bytes();
        Destination::attach(&layout, &descriptor, &bytes).unwrap();
        descriptor
    };
    let (bytes, index) = Index::new(vec![manifest.clone()]).to_bytes();
    layout.write_bytes(&bytes).unwrap();
    let bills = [attach(&index), attach(&manifest)];
    let signature = attach(&bills[1]);

    let counted = Counted {
        layout: layout.clone(),
        asked: Mutex::default(),
    };
    let directory = tempfile::tempdir().unwrap();
    let copy = Layout::create(directory.path()).unwrap();
    let count = |source: &Counted, copy: &Layout| {
        copy_with_referrers(source, copy, &index, Referrers::All, &["x"], &|_| {}).unwrap()
    };
    assert_eq!(count(&counted, &copy), 3);
    let levels = [
        [index.digest, manifest.digest].into(),
        [bills[0].digest, bills[1].digest].into(),
        [signature.digest].into(),
    ];
    assert_eq!(*counted.asked.lock().unwrap(), levels);
    let entries = copy.entries().unwrap();
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[3].ref_name(), Some("x"), "the name is written last");
    assert_eq!(copy.images().unwrap(), entries[3..]);

    // The subject of a digest is known, so the blob is not read again.
    fs::remove_file(layout.blob_path(&signature.digest)).unwrap();
    let found = layout.referrers(&[bills[1].digest].into()).unwrap();
    assert_eq!(found[0].digest, signature.digest);
    let fresh = Layout::open(layout.path()).unwrap();
    fresh.referrers(&[bills[1].digest].into()).unwrap_err();
}
