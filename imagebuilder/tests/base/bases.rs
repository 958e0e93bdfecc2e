//! Small base images.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use oci::image::spec::{ConfigBuilder, HistoryBuilder, ImageConfigurationBuilder, RootFsBuilder};
use oci::image::{Config, Index, Manifest};
use oci::layout::Layout;
use oci::{Descriptor, Digest, MediaType, Platform, annotation};
use tar::{Builder, EntryType, Header};

/// A file of a layer: its path and content; `PATH -> TARGET` is a link.
pub(crate) type File = (String, Vec<u8>);

/// A tar of files.
pub(crate) fn tar(files: &[File]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        if let Some((path, target)) = path.split_once(" -> ") {
            header.set_size(0);
            header.set_entry_type(EntryType::Symlink);
            tar.append_link(&mut header, path, target).unwrap();
            continue;
        }
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, path, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

/// The files of most bases here.
pub(crate) fn release(text: &str) -> Vec<File> {
    let text = text.as_bytes().to_vec();
    vec![("etc/os-release".to_owned(), text)]
}

/// Adds an image for `platforms` to the layout at `path`, an index if they are several, with one
/// layer. Returns its root.
pub(crate) fn base(path: &Path, name: &str, platforms: &[&str], files: &[File]) -> Descriptor {
    let layout = Layout::create(path).unwrap();
    let tar = tar(files);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(&mut &tar[..], &mut gzip).unwrap();
    let blob = gzip.finish().unwrap();
    layout.write_bytes(&blob).unwrap();
    // With Docker's media type: the bytes are the same.
    let layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    let layer = Descriptor::of(MediaType::new(layer), &blob);
    let manifests: Vec<Descriptor> = platforms
        .iter()
        .map(|platform| {
            let platform: Platform = platform.parse().unwrap();
            let config = config(&platform, Digest::of(&tar)).to_bytes();
            layout.write_bytes(&config.0).unwrap();
            let manifest = Manifest::new(config.1, vec![layer.clone()]);
            let (bytes, mut descriptor) = manifest.to_bytes();
            layout.write_bytes(&bytes).unwrap();
            descriptor.platform = Some(platform);
            descriptor
        })
        .collect();
    let root = if let [only] = &manifests[..] {
        only.clone()
    } else {
        let (bytes, index) = Index::new(manifests).to_bytes();
        layout.write_bytes(&bytes).unwrap();
        index
    };
    let mut entry = root.clone();
    entry
        .annotations
        .insert(annotation::REF_NAME.to_owned(), name.to_owned());
    layout.put_index_entry(&entry).unwrap();
    root
}

fn config(platform: &Platform, diff_id: Digest) -> Config {
    let labels = HashMap::from([
        ("vendor".to_owned(), "base".to_owned()),
        (
            "org.opencontainers.image.version".to_owned(),
            "12".to_owned(),
        ),
        (
            "org.opencontainers.image.licenses".to_owned(),
            "GPL".to_owned(),
        ),
    ]);
    let run = ConfigBuilder::default()
        .user("1000:1000")
        .env(vec!["PATH=/base/bin".to_owned(), "A=base".to_owned()])
        .entrypoint(vec!["/bin/sh".to_owned()])
        .cmd(vec!["-l".to_owned()])
        .working_dir("/srv")
        .exposed_ports(vec!["80/tcp".to_owned()])
        .labels(labels)
        .build();
    let history = |by: &str, empty: bool| {
        let entry = HistoryBuilder::default().created_by(by).empty_layer(empty);
        entry.build().unwrap()
    };
    let root_fs = RootFsBuilder::default()
        .typ("layers")
        .diff_ids(vec![diff_id.to_string()])
        .build();
    let spec = ImageConfigurationBuilder::default()
        .architecture(platform.architecture.as_str())
        .os(platform.os.as_str())
        .config(run.unwrap())
        .rootfs(root_fs.unwrap())
        .history(vec![history("ADD base", false), history("CMD sh", true)])
        .build();
    Config {
        spec: spec.unwrap(),
    }
}
