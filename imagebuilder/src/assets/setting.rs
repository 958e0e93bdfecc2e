//! The syntax of assets in settings and on the command line.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::links;
use crate::setting_values::{AbsolutePath, User};

/// An entry of `assets`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AssetSetting {
    /// A file, a directory or a pattern, relative to the folder of the Cargo.toml.
    pub(crate) src: String,
    /// Its path in the image; a directory if it ends with `/`.
    pub(crate) dest: AbsolutePath,
    /// The permissions of files; directories can be searched by everyone who can read them.
    pub(crate) mode: Option<FileMode>,
    /// The owner; root by default.
    pub(crate) owner: Option<User>,
}

impl AssetSetting {
    /// The path in the image, without a leading slash, if `src` is a file.
    pub(crate) fn file_path(&self) -> String {
        let dest = self.dest.0.trim_matches('/');
        if !self.dest.0.ends_with('/') {
            return dest.to_owned();
        }
        let name = self.src.rsplit('/').next().unwrap_or_default();
        links::join(dest, name)
    }
}

/// Permissions, in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FileMode(pub(crate) u32);

impl FileMode {
    /// The permissions of a directory whose files have these: everyone who may read it may search it.
    pub(crate) fn of_directory(self) -> Self {
        Self(self.0 | ((self.0 & 0o444) >> 2))
    }
}

impl FromStr for FileMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let valid = (3..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let mode = u32::from_str_radix(text, 8).ok().filter(|_| valid);
        mode.map(Self)
            .ok_or_else(|| format!("`{text}` is not a mode: expected octal digits, such as 0644"))
    }
}

impl TryFrom<String> for FileMode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal() {
        let check = |text: &str, mode: u32, directory: u32| {
            let parsed: FileMode = text.parse().unwrap();
            assert_eq!(parsed.0, mode);
            assert_eq!(parsed.of_directory().0, directory);
        };
        check("0644", 0o644, 0o755);
        check("600", 0o600, 0o700);
        check("0440", 0o440, 0o550);
        for no in ["", "8", "0o644", "rwx", "888", "+644", "00644"] {
            assert!(no.parse::<FileMode>().is_err(), "{no}");
        }
    }
}
