//! The layout as a directory: opening, creating, and who may change it when.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::Deserialize;

use super::LayoutError;
use super::archive::Archive;
use super::file::{io_error, replace_file};
use crate::Digest;
use crate::image::{Referrer, canonical};

/// The only version of the layout there is.
const VERSION: &str = "1.0.0";

/// A layout on disk.
#[derive(Clone, Debug)]
pub struct Layout {
    pub(super) root: PathBuf,
    /// What is in it, where it is a tar.
    pub(super) archive: Option<Arc<Archive>>,
    /// What the documents that were read refer to, by digest; `None` for those without a subject.
    pub(super) referrers: Arc<Mutex<BTreeMap<Digest, Option<Referrer>>>>,
}

/// The `oci-layout` file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl Layout {
    /// Opens an existing layout.
    ///
    /// # Errors
    /// When the directory does not exist or is not a layout.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let root = path.into();
        let not = |problem| LayoutError::NotALayout {
            path: root.clone(),
            problem,
        };
        if !root.is_dir() {
            return Err(not("there is no such directory"));
        }
        let marker = root.join("oci-layout");
        if !marker.is_file() {
            return Err(not("it has no file `oci-layout`"));
        }
        let layout = Self::at(root.clone());
        let marker: Option<Marker> = Self::read_small(&marker)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match marker {
            Some(marker) if marker.image_layout_version == VERSION => Ok(layout),
            Some(_) => Err(not("its version is not 1.0.0")),
            None => Err(not("its file `oci-layout` is damaged")),
        }
    }

    /// Opens a tar with a layout in it, or one that `docker save` wrote. It is only read.
    ///
    /// # Errors
    /// When the file does not exist or is neither.
    pub fn open_archive(path: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let path = path.into();
        // Opening a pipe would wait for a writer.
        if path.exists() && !path.is_file() {
            return Err(LayoutError::NotAnArchive {
                path,
                problem: "it is not a file",
            });
        }
        let file = File::open(&path).map_err(io_error("open", &path))?;
        Self::of_archive(path, file)
    }

    /// The layout in a tar that is open, as [`Layout::open_archive`]; `path` is its name in errors.
    ///
    /// # Errors
    /// When the file is not such a tar.
    pub fn of_archive(path: impl Into<PathBuf>, file: File) -> Result<Self, LayoutError> {
        let root = path.into();
        let archive = Archive::read(&root, file)?;
        Ok(Self {
            root,
            archive: Some(Arc::new(archive)),
            referrers: Arc::default(),
        })
    }

    fn at(root: PathBuf) -> Self {
        Self {
            root,
            archive: None,
            referrers: Arc::default(),
        }
    }

    /// Opens a layout, making an empty one where there is nothing.
    ///
    /// # Errors
    /// When it cannot be written, or the directory holds something else.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let root = path.into();
        let layout = Self::at(root.clone());
        if root.join("oci-layout").exists() {
            let layout = Self::open(root)?;
            layout.prepare()?;
            return Ok(layout);
        }
        let foreign = |entry: io::Result<fs::DirEntry>| {
            entry.is_ok_and(|entry| {
                // What a creation that was killed, or runs now, may have left.
                !matches!(
                    entry.file_name().to_str(),
                    Some("blobs" | "index.json" | "oci-layout" | ".ingest" | ".lock")
                )
            })
        };
        if fs::read_dir(&root).is_ok_and(|mut entries| entries.any(foreign)) {
            let problem = "it has no file `oci-layout`, and other files that are not ours";
            return Err(LayoutError::NotALayout {
                path: root,
                problem,
            });
        }
        layout.prepare()?;
        let _lock = layout.lock()?;
        let index = root.join("index.json");
        if !index.exists() {
            let empty = crate::image::Index::new(Vec::new()).to_bytes().0;
            replace_file(&layout.ingest(), &index, &empty)?;
        }
        // Last: with it the directory is a layout.
        let marker = serde_json::json!({ "imageLayoutVersion": VERSION });
        replace_file(
            &layout.ingest(),
            &root.join("oci-layout"),
            &canonical(&marker),
        )?;
        Ok(layout)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Where the blob with `digest` is, or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root
            .join("blobs")
            .join(digest.algorithm())
            .join(digest.hex())
    }

    /// Where blobs are written before they have a name. Not below `blobs`, where a tool that lists
    /// blobs would take every name for a digest.
    pub(super) fn ingest(&self) -> PathBuf {
        self.root.join(".ingest")
    }

    fn prepare(&self) -> Result<(), LayoutError> {
        for directory in [self.root.join("blobs/sha256"), self.ingest()] {
            fs::create_dir_all(&directory).map_err(io_error("create", &directory))?;
        }
        self.remove_leftovers()
    }

    /// Keeps others from changing the index, or from cleaning up, until it is dropped.
    pub(super) fn lock(&self) -> Result<File, LayoutError> {
        let file = self.lock_file()?;
        file.lock()
            .map_err(io_error("lock", &self.root.join(".lock")))?;
        Ok(file)
    }

    /// Keeps others from cleaning up while a new file is being claimed.
    pub(super) fn lock_shared(&self) -> Result<File, LayoutError> {
        let file = self.lock_file()?;
        file.lock_shared()
            .map_err(io_error("lock", &self.root.join(".lock")))?;
        Ok(file)
    }

    fn lock_file(&self) -> Result<File, LayoutError> {
        if self.archive.is_some() {
            return Err(LayoutError::NotALayout {
                path: self.root.clone(),
                problem: "it is a tar, which is only read",
            });
        }
        let path = self.root.join(".lock");
        let open = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        open.map_err(io_error("open", &path))
    }

    /// Removes what killed writers left: the files in `.ingest` that no process has locked.
    fn remove_leftovers(&self) -> Result<(), LayoutError> {
        let directory = self.ingest();
        let _lock = self.lock()?;
        let entries = fs::read_dir(&directory).map_err(io_error("list", &directory))?;
        for entry in entries {
            let path = entry.map_err(io_error("list", &directory))?.path();
            // One that vanishes meanwhile was renamed to its place by its writer.
            if let Ok(file) = File::open(&path)
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }
}
