//! Reads the manifests that a command line names, as kubectl's `--filename` does.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::{Exit, ExitError};

/// The largest file that is read. The API server takes no object above 3 MiB, but a file may have
/// many.
pub const MAX_BYTES: u64 = 64 << 20;

/// The files of a directory that are read, by extension.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// The text of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name in messages: the path, or `standard input`.
    pub origin: String,
    /// Its text.
    pub text: String,
}

/// Why a manifest could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file, or standard input, could not be opened or read.
    #[error("cannot read {origin}")]
    Read {
        /// The file.
        origin: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A directory could not be listed.
    #[error("cannot list `{}`", directory.display())]
    List {
        /// The directory.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A directory has no manifest.
    #[error("`{}` has no *.yaml, *.yml or *.json", directory.display())]
    Empty {
        /// The directory.
        directory: PathBuf,
    },
    /// A file is larger than [`MAX_BYTES`].
    #[error("{origin} is larger than {} MiB", MAX_BYTES >> 20)]
    TooLarge {
        /// The file.
        origin: String,
    },
}

impl ExitError for InputError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read { .. } | Self::List { .. } | Self::Empty { .. } | Self::TooLarge { .. } => {
                Exit::Usage
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } | Self::List { .. } | Self::Empty { .. } | Self::TooLarge { .. } => {
                None
            }
        }
    }
}

/// Reads each path: a file, the `*.yaml`, `*.yml` and `*.json` of a directory in the order of their
/// names, or standard input for `-`. `recursive` reads the directories in a directory too; links to
/// directories are not followed.
///
/// # Errors
/// [`InputError`], for the first path that cannot be read.
pub fn read(paths: &[PathBuf], recursive: bool) -> Result<Vec<Input>, InputError> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(bounded("standard input".to_owned(), io::stdin().lock())?);
        } else if path.is_dir() {
            for file in files_of(path, recursive)? {
                inputs.push(open(&file)?);
            }
        } else {
            inputs.push(open(path)?);
        }
    }
    Ok(inputs)
}

fn files_of(directory: &Path, recursive: bool) -> Result<Vec<PathBuf>, InputError> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for path in entries(&folder)? {
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                if recursive && !path.is_symlink() {
                    open.push(path);
                }
            } else if extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
                && may_be_file(&path)
            {
                files.push(path);
            }
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(InputError::Empty {
            directory: directory.to_owned(),
        });
    }
    Ok(files)
}

/// Whether a path is a file, or cannot be examined: opening it reports why.
fn may_be_file(path: &Path) -> bool {
    path.metadata().map_or(true, |metadata| metadata.is_file())
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, InputError> {
    let entries = directory
        .read_dir()
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    entries.map_err(|source| InputError::List {
        directory: directory.to_owned(),
        source,
    })
}

fn open(path: &Path) -> Result<Input, InputError> {
    let origin = path.display().to_string();
    match File::open(path) {
        Ok(file) => bounded(origin, file),
        Err(source) => Err(InputError::Read { origin, source }),
    }
}

fn bounded(origin: String, reader: impl Read) -> Result<Input, InputError> {
    let mut text = String::new();
    match reader.take(MAX_BYTES + 1).read_to_string(&mut text) {
        Ok(size) if size as u64 > MAX_BYTES => Err(InputError::TooLarge { origin }),
        Ok(_) => Ok(Input { origin, text }),
        Err(source) => Err(InputError::Read { origin, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_as_kubectl_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let read =
            |recursive| read(&[path.to_owned()], recursive).map_err(|error| error.to_string());
        assert_eq!(
            read(false).unwrap_err(),
            format!("`{}` has no *.yaml, *.yml or *.json", path.display())
        );
        for name in ["b.yaml", "a.json", "c.yml", "d.txt", "yaml"] {
            std::fs::write(path.join(name), name).unwrap();
        }
        std::fs::create_dir_all(path.join("b/e.yaml")).unwrap();
        std::fs::write(path.join("b/e.yaml/f.yaml"), "f.yaml").unwrap();
        std::os::unix::fs::symlink(path, path.join("b/loop")).unwrap();
        let check = |recursive, expected: &[&str]| {
            let inputs = read(recursive).unwrap();
            let texts: Vec<_> = inputs.iter().map(|input| input.text.as_str()).collect();
            assert_eq!(texts, expected);
        };
        check(false, &["a.json", "b.yaml", "c.yml"]);
        check(true, &["a.json", "f.yaml", "b.yaml", "c.yml"]);
    }

    #[test]
    fn a_dangling_link_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.yaml");
        std::os::unix::fs::symlink("none", &path).unwrap();
        let error = read(&[directory.path().to_owned()], false).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
    }

    #[test]
    fn a_file_is_bounded() {
        let read = |size| bounded("x".to_owned(), io::repeat(b' ').take(size));
        assert!(read(MAX_BYTES).is_ok());
        let error = read(MAX_BYTES + 1).unwrap_err();
        assert_eq!(error.to_string(), "x is larger than 64 MiB");
    }
}
