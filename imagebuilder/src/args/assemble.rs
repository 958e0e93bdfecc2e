//! The command line of `assemble`.

use std::num::NonZeroU16;
use std::str::FromStr;

use clap::Args;
use oci::Platform;

use super::{Destinations, Packing};
use crate::assets::{AssetSetting, FileMode};
use crate::base_name::BaseName;
use crate::setting_values::{AbsolutePath, EnvName, ImageName, Signal, User};

#[derive(Debug, Args)]
pub(crate) struct Assemble {
    /// The image's name, without registry, tag and digest [default: the program's name]
    #[arg(value_name = "NAME", value_parser = image_name)]
    pub(crate) name: Option<ImageName>,
    /// A file, a directory or a pattern such as `dist/*.css`, its path in the image, and the permissions
    /// of files. May be repeated. DEST with a trailing `/` is a directory. `{os}`, `{arch}` (`amd64`,
    /// `arm64`) and `{machine}` (`x86_64`, `aarch64`) in SRC are replaced with the platform's.
    #[arg(long = "file", value_name = "SRC:DEST[:MODE]", required = true)]
    pub(crate) files: Vec<FileArgument>,
    /// Pack each --file into its own layer, in the given order.
    #[arg(long)]
    pub(crate) layer_per_file: bool,
    /// The base image: `scratch`, the default; the full name of an image in a registry, such as
    /// gcr.io/distroless/cc-debian12; oci:DIR[:NAME] or tar:FILE[:NAME]. Its digest is recorded in
    /// imagebuilder.lock in the current directory.
    #[arg(long, value_name = "BASE")]
    pub(crate) base: Option<BaseName>,
    /// Resolve the base's name again, and update imagebuilder.lock.
    #[arg(long)]
    pub(crate) update_base: bool,
    /// The target platforms, separated by commas; several create an index [default: this machine's]
    #[arg(long, value_name = "OS/ARCH", value_delimiter = ',')]
    pub(crate) platform: Vec<Platform>,
    #[command(flatten)]
    pub(crate) packing: Packing,
    // Options with a heading come last: clap puts all that follow under the same heading.
    #[command(flatten)]
    pub(crate) destinations: Destinations,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// How the image runs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct Run {
    /// The program; if repeated, the program and its first arguments [default: the first --file if it
    /// is executable, else the base's]
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub(crate) entrypoint: Vec<String>,
    /// A default argument, which a pod's `args` replace. May be repeated.
    #[arg(long = "arg", value_name = "ARGUMENT", allow_hyphen_values = true)]
    pub(crate) args: Vec<String>,
    /// An environment variable. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) env: Vec<(EnvName, String)>,
    /// The numeric user [default: the base's, else 65532:65532]
    #[arg(long, value_name = "UID[:GID]", value_parser = user)]
    pub(crate) user: Option<User>,
    /// The working directory [default: the base's, else `/`]
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub(crate) workdir: Option<AbsolutePath>,
    /// A TCP port that it listens on. May be repeated.
    #[arg(long = "port", value_name = "PORT")]
    pub(crate) ports: Vec<NonZeroU16>,
    /// A directory that is a volume in each container. May be repeated.
    #[arg(long = "volume", value_name = "PATH", value_parser = path)]
    pub(crate) volumes: Vec<AbsolutePath>,
    /// A label. May be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) labels: Vec<(String, String)>,
    /// An annotation of the manifest and the index. May be repeated.
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) annotations: Vec<(String, String)>,
    /// The signal that stops it [default: the base's, else SIGTERM]
    #[arg(long, value_name = "SIGNAL", value_parser = signal)]
    pub(crate) stop_signal: Option<Signal>,
}

/// `SRC:DEST[:MODE]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileArgument {
    src: String,
    pub(crate) dest: AbsolutePath,
    mode: Option<FileMode>,
}

impl FileArgument {
    /// The file as an entry of `assets`.
    pub(crate) fn setting(&self) -> AssetSetting {
        AssetSetting {
            src: self.src.clone(),
            dest: self.dest.clone(),
            mode: self.mode,
            owner: None,
        }
    }
}

impl FromStr for FileArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected SRC:DEST[:MODE] with an absolute DEST".to_owned();
        // A path may contain a colon: the last one before a slash counts.
        let at = text.rfind(":/").filter(|at| *at > 0).ok_or_else(expected)?;
        let (src, rest) = (&text[..at], &text[at + 1..]);
        let (dest, mode) = match rest.rsplit_once(':') {
            Some((dest, mode)) => (dest, Some(mode.parse()?)),
            None => (rest, None),
        };
        let dest = path(dest)?;
        Ok(Self {
            src: src.to_owned(),
            dest,
            mode,
        })
    }
}

fn image_name(text: &str) -> Result<ImageName, String> {
    ImageName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn user(text: &str) -> Result<User, String> {
    User::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn path(text: &str) -> Result<AbsolutePath, String> {
    AbsolutePath::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn signal(text: &str) -> Result<Signal, String> {
    Signal::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn variable(text: &str) -> Result<(EnvName, String), String> {
    let (name, value) = pair(text)?;
    let name = EnvName::try_from(name).map_err(|error| error.to_string())?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_parsed_from_the_end() {
        let check = |text: &str, src: &str, dest: &str, mode: Option<u32>| {
            let file: FileArgument = text.parse().unwrap();
            assert_eq!((file.src.as_str(), file.dest.0.as_str()), (src, dest));
            assert_eq!(file.mode.map(|mode| mode.0), mode);
        };
        check("a:/b", "a", "/b", None);
        check("a:/b/:0600", "a", "/b/", Some(0o600));
        check("/x/a:b:/c", "/x/a:b", "/c", None);
        for no in ["a", "a:b", ":/b", "a:/b:x", "a:/b/../c", "a:/b:0x"] {
            assert!(no.parse::<FileArgument>().is_err(), "{no}");
        }
    }
}
