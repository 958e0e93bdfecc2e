//! Why assets cannot be packed.

use std::io;
use std::path::PathBuf;

/// Why assets cannot be packed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssetError {
    #[error("the asset `{src}` does not exist: there is no `{}`", path.display())]
    Missing { src: String, path: PathBuf },
    #[error("the pattern `{src}` of an asset matches nothing in `{}`", folder.display())]
    NoMatch { src: String, folder: PathBuf },
    #[error("invalid pattern `{src}` of an asset")]
    Pattern {
        src: String,
        #[source]
        source: glob::PatternError,
    },
    #[error("cannot read the asset `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the asset `{}` is a link to `{}`, which is outside of `{}`", path.display(), target.display(), folder.display())]
    Link {
        path: PathBuf,
        target: PathBuf,
        folder: PathBuf,
    },
    #[error("the asset `{}` is outside of the workspace `{}`", path.display(), root.display())]
    Outside { path: PathBuf, root: PathBuf },
    #[error("the asset `{}` is neither a file, a directory nor a link", path.display())]
    Kind { path: PathBuf },
    #[error("the name of the asset `{}` is not UTF-8", path.display())]
    Name { path: PathBuf },
    #[error("/{path} would delete a file of the layers below: its name begins with `.wh.`")]
    Whiteout { path: String },
    #[error("two files of the image have the same path, /{path}")]
    Twice { path: String },
}
