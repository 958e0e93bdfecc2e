//! The part of an image's file system that a dynamic loader searches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tar::EntryType;

use super::glibc::GlibcVersion;
use crate::links::{self, join};

/// The largest libc or loader configuration that is read; those of Debian have 2 MB and 100 bytes.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// The libraries and links of an image, after all of its layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RootFs {
    /// Entries by path, without a leading slash. Only those files that a loader may look for.
    nodes: BTreeMap<String, Node>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Node {
    Library,
    Libc(GlibcVersion),
    Link(String),
    /// A file of the loader's configuration: the folders that it names.
    Folders(Vec<String>),
}

impl RootFs {
    /// Adds the layer in `tar`, on top of those before it.
    pub(crate) fn add_layer(&mut self, tar: impl Read) -> io::Result<()> {
        // An opaque directory hides its content in the layers before this one.
        let mut added = BTreeSet::new();
        let mut archive = tar::Archive::new(tar);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let Some(path) = normalized(&String::from_utf8_lossy(&entry.path_bytes())) else {
                continue;
            };
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            if name == ".wh..wh..opq" {
                self.remove_below(folder, &added);
                continue;
            }
            if let Some(name) = name.strip_prefix(".wh.") {
                let hidden = join(folder, name);
                self.nodes.remove(&hidden);
                self.remove_below(&hidden, &BTreeSet::new());
                continue;
            }
            let kind = entry.header().entry_type();
            if kind != EntryType::Directory {
                self.remove_below(&path, &BTreeSet::new());
            }
            let node = match kind {
                EntryType::Symlink => entry
                    .link_name()?
                    .map(|target| Node::Link(target.to_string_lossy().into_owned())),
                EntryType::Link => entry
                    .link_name()?
                    .and_then(|target| normalized(&target.to_string_lossy()))
                    .and_then(|target| self.nodes.get(&target).cloned()),
                kind if kind.is_file() => file(&path, &mut entry)?,
                _ => None,
            };
            match node {
                Some(node) => {
                    self.nodes.insert(path.clone(), node);
                    added.insert(path);
                }
                None => {
                    self.nodes.remove(&path);
                }
            }
        }
        Ok(())
    }

    /// Adds a file that the image has in addition to its base, with the content at `source`.
    pub(crate) fn add_file(&mut self, path: &str, source: &Path) -> io::Result<()> {
        if let Some(node) = file(path, &mut File::open(source)?)? {
            self.nodes.insert(path.to_owned(), node);
        }
        Ok(())
    }

    /// Adds a link that the image has in addition to its base.
    pub(crate) fn add_link(&mut self, path: &str, target: &str) {
        let link = Node::Link(target.to_owned());
        self.nodes.insert(path.to_owned(), link);
    }

    fn remove_below(&mut self, folder: &str, except: &BTreeSet<String>) {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let below = self.nodes.range(prefix.clone()..);
        let below = below.take_while(|(path, _)| path.starts_with(&prefix));
        let hidden: Vec<String> = below
            .map(|(path, _)| path.clone())
            .filter(|path| !except.contains(path))
            .collect();
        for path in hidden {
            self.nodes.remove(&path);
        }
    }

    /// The target of the link at `path`, if it is one.
    pub(crate) fn link(&self, path: &str) -> Option<&str> {
        match self.nodes.get(path)? {
            Node::Link(target) => Some(target),
            _ => None,
        }
    }

    /// Whether there is a library or loader at `path`, following links.
    pub(crate) fn has(&self, path: &str) -> bool {
        matches!(self.find(path), Some(Node::Library | Node::Libc(_)))
    }

    /// The version of the glibc at `path`.
    pub(super) fn glibc(&self, path: &str) -> Option<&GlibcVersion> {
        match self.find(path)? {
            Node::Libc(version) => Some(version),
            _ => None,
        }
    }

    /// The folders in the loader's configuration, `/etc/ld.so.conf` and the files that it includes.
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        let nodes = self.nodes.values();
        let folders = nodes.filter_map(|node| match node {
            Node::Folders(folders) => Some(folders),
            _ => None,
        });
        folders.flatten().map(String::as_str)
    }

    fn find(&self, path: &str) -> Option<&Node> {
        self.nodes
            .get(&links::follow(path, |path| self.link(path))?)
    }
}

/// The kind of a file for a loader.
fn file(path: &str, content: &mut impl Read) -> io::Result<Option<Node>> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == "libc.so.6" || (name.starts_with("libc-2.") && is_library(name)) {
        let mut bytes = Vec::new();
        content.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
        let version = GlibcVersion::of_libc(&bytes[..]);
        return Ok(Some(version.map_or(Node::Library, Node::Libc)));
    }
    if path == "etc/ld.so.conf" || path.starts_with("etc/ld.so.conf.d/") {
        let mut text = Vec::new();
        content.take(MAX_FILE_BYTES).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let folders = text.lines().filter(|line| line.starts_with('/'));
        return Ok(Some(Node::Folders(folders.map(str::to_owned).collect())));
    }
    Ok(is_library(name).then_some(Node::Library))
}

/// A library (`libz.so.1`) or a loader (`ld-linux-x86-64.so.2`, `ld-musl-x86_64.so.1`).
fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').skip(1).any(|part| part == "so") || name.starts_with("ld-")
}

/// The path of a tar's entry; `None` for the root, and for entries that are not below it.
fn normalized(path: &str) -> Option<String> {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    (!parts.is_empty() && !parts.contains(&"..")).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use tar::{Builder, Header};

    use super::*;

    /// A layer of `PATH` (a file), `PATH -> TARGET` (a link) and `PATH/` (a folder).
    fn layer(entries: &[&str]) -> Vec<u8> {
        let mut tar = Builder::new(Vec::new());
        for entry in entries {
            let mut header = Header::new_ustar();
            header.set_size(0);
            header.set_mode(0o755);
            let path = match entry.split_once(" -> ") {
                Some((path, target)) => {
                    header.set_entry_type(EntryType::Symlink);
                    header.set_link_name(target).unwrap();
                    path
                }
                None if entry.ends_with('/') => {
                    header.set_entry_type(EntryType::Directory);
                    entry
                }
                None => entry,
            };
            header.set_path(path).unwrap();
            header.set_cksum();
            tar.append(&header, io::empty()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn root(layers: &[&[&str]]) -> RootFs {
        let mut root = RootFs::default();
        for entries in layers {
            root.add_layer(&layer(entries)[..]).unwrap();
        }
        root
    }

    #[test]
    fn links_are_followed_as_the_kernel_does() {
        let root = root(&[&[
            "lib -> usr/lib",
            "usr/lib/x/libz.so.1.3",
            "usr/lib/x/libz.so.1 -> libz.so.1.3",
            "lib64 -> /lib/../lib/x",
            "loop.so -> loop.so",
            "usr/bin/tool",
        ]]);
        for there in [
            "/usr/lib/x/libz.so.1.3",
            "/lib/x/libz.so.1",
            "lib64/libz.so.1",
            "/usr/bin/../lib/./x/libz.so.1",
        ] {
            assert!(root.has(there), "{there}");
        }
        for missing in ["/loop.so", "/lib", "/usr/bin/tool", "/lib/libz.so.1", ""] {
            assert!(!root.has(missing), "{missing}");
        }
    }

    #[test]
    fn a_layer_hides_what_is_below_it() {
        let below: &[&str] = &[
            "lib/a.so",
            "lib/b.so",
            "opt/c.so",
            "opt/sub/d.so",
            "srv/e.so",
        ];
        let above: &[&str] = &[
            "lib/.wh.a.so",
            "opt/new.so",
            "opt/.wh..wh..opq",
            "srv -> lib",
        ];
        let root = root(&[below, above]);
        for there in ["lib/b.so", "opt/new.so", "srv/b.so"] {
            assert!(root.has(there), "{there}");
        }
        for hidden in ["lib/a.so", "opt/c.so", "opt/sub/d.so", "srv/e.so"] {
            assert!(!root.has(hidden), "{hidden}");
        }
    }
}
