//! The layout as a directory: opening, creating and locking it.

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

/// The only version of the layout that exists.
const VERSION: &str = "1.0.0";

/// A layout on disk.
#[derive(Clone, Debug)]
pub struct Layout {
    pub(super) root: PathBuf,
    /// The content of the tar, if it is one.
    pub(super) archive: Option<Arc<Archive>>,
    /// The subjects of the documents that were read, by digest; `None` for those without one.
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
    /// If the directory does not exist or is not a layout.
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

    /// Opens a tar with a layout in it, or one that `docker save` wrote. It is read-only.
    ///
    /// # Errors
    /// If the file does not exist or is neither.
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

    /// The layout in an open tar, as [`Layout::open_archive`]; `path` is its name in errors.
    ///
    /// # Errors
    /// If the file is not such a tar.
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

    /// Opens a layout, or creates an empty one if there is nothing.
    ///
    /// # Errors
    /// If it cannot be written, or the directory contains something else.
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
                // These may be left by a creation that was killed, or that runs now.
                !matches!(
                    entry.file_name().to_str(),
                    Some("blobs" | "index.json" | "oci-layout" | ".ingest" | ".lock")
                )
            })
        };
        if fs::read_dir(&root).is_ok_and(|mut entries| entries.any(foreign)) {
            let problem = "it has no file `oci-layout`, and contains other files";
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
        // Written last: it turns the directory into a layout.
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

    /// The path of the blob with `digest`, whether it exists or not.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root
            .join("blobs")
            .join(digest.algorithm())
            .join(digest.hex())
    }

    /// The directory of blobs that do not have a name yet. It is not below `blobs`, where a tool that lists
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

    /// A lock: until it is dropped, no other process changes the index or cleans up.
    pub(super) fn lock(&self) -> Result<File, LayoutError> {
        let file = self.lock_file()?;
        file.lock()
            .map_err(io_error("lock", &self.root.join(".lock")))?;
        Ok(file)
    }

    /// A lock: no other process cleans up while a new file is being claimed.
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
                problem: "it is a tar, which is read-only",
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

    /// Removes the leftovers of killed writers: the files in `.ingest` that no process has locked.
    fn remove_leftovers(&self) -> Result<(), LayoutError> {
        let directory = self.ingest();
        let _lock = self.lock()?;
        let entries = fs::read_dir(&directory).map_err(io_error("list", &directory))?;
        for entry in entries {
            let path = entry.map_err(io_error("list", &directory))?.path();
            // A file that vanishes meanwhile was renamed by its writer.
            if let Ok(file) = File::open(&path)
                && file.try_lock().is_ok()
            {
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }
}
