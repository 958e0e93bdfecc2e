//! Manifest files: a file, a directory or standard input, bounded in size.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The most a manifest may have; the API server takes 3 MiB.
const MAX_BYTES: u64 = 3 << 20;

/// The text of one file.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where it is from.
    pub origin: String,
    /// Its text.
    pub text: String,
}

/// Reads each path: a file, every `*.yaml`, `*.yml` and `*.json` of a directory by name, or `-` for
/// standard input.
///
/// # Errors
/// The path and why it cannot be read.
pub fn read_paths(paths: &[PathBuf]) -> Result<Vec<Document>, (PathBuf, io::Error)> {
    let mut documents = Vec::new();
    for path in paths {
        let at = |error| (path.clone(), error);
        if path.as_os_str() == "-" {
            let text = bounded(io::stdin().lock()).map_err(at)?;
            documents.push(Document {
                origin: "standard input".to_owned(),
                text,
            });
        } else if path.is_dir() {
            let files = files_of(path).map_err(at)?;
            if files.is_empty() {
                return Err(at(io::Error::other(
                    "the directory has no manifest (*.yaml)",
                )));
            }
            for file in files {
                documents.push(read_file(&file).map_err(|error| (file.clone(), error))?);
            }
        } else {
            documents.push(read_file(path).map_err(at)?);
        }
    }
    Ok(documents)
}

fn files_of(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| {
        let extension = file.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml" | "json")) && file.is_file()
    });
    files.sort();
    Ok(files)
}

fn read_file(path: &Path) -> io::Result<Document> {
    let text = bounded(std::fs::File::open(path)?)?;
    Ok(Document {
        origin: path.display().to_string(),
        text,
    })
}

fn bounded(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    let read = reader.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 3 MiB"));
    }
    Ok(text)
}
