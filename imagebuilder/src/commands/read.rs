//! Reading the manifests that a command line names.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The largest manifest that is read; Kubernetes itself takes no object above 3 MiB (etcd's limit
/// on a request is 1.5 MiB), and a file may have many.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A manifest, and what to call it in a message.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

/// Reads files, the YAML files of directories, and standard input (`-`).
pub(super) fn sources(paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            sources.push(read("standard input".to_owned(), io::stdin().lock())?);
        } else if path.is_dir() {
            for file in manifests(path)? {
                sources.push(open(&file)?);
            }
        } else {
            sources.push(open(path)?);
        }
    }
    Ok(sources)
}

fn manifests(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot list `{}`", directory.display());
    let entries = directory.read_dir().with_context(cannot)?;
    let paths: io::Result<Vec<_>> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let mut paths = paths.with_context(cannot)?;
    paths.retain(|path| {
        path.is_file()
            && path
                .extension()
                .is_some_and(|end| end == "yaml" || end == "yml")
    });
    paths.sort();
    if paths.is_empty() {
        bail!("`{}` has no *.yaml and no *.yml", directory.display());
    }
    Ok(paths)
}

fn open(path: &Path) -> anyhow::Result<Source> {
    let name = format!("`{}`", path.display());
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    read(name, file)
}

fn read(name: String, reader: impl Read) -> anyhow::Result<Source> {
    let mut text = String::new();
    let size = reader
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {name}"))?;
    if size as u64 > MAX_BYTES {
        bail!("{name} is larger than {MAX_BYTES} bytes");
    }
    Ok(Source { name, text })
}
