//! `[package.metadata.image]`, the settings of a package's image; `[workspace.metadata.image]` has defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;
use std::path::PathBuf;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::allocator::Allocator;
use crate::assets::AssetSetting;
use crate::base_name::BaseName;
use crate::setting_values::{
    AbsolutePath, BuildEnvName, EnvName, ImageName, PlatformName, Signal, User,
};
use crate::target::CLibrary;

/// The table `[package.metadata.image]` of a Cargo.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// The image's name; by default the binary's.
    pub(crate) name: Option<ImageName>,
    /// Which binaries to pack, if the package has several; the image runs the first.
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) bin: Vec<String>,
    /// The TCP ports it listens on; documentation, as in a Dockerfile's EXPOSE.
    pub(crate) ports: Vec<NonZeroU16>,
    /// The user that it runs as; by default the base's, else [`User::NONROOT`].
    pub(crate) user: Option<User>,
    /// The image that it is built on.
    pub(crate) base: Option<BaseName>,
    /// The C library that the binary is linked with.
    pub(crate) libc: Option<CLibrary>,
    /// The allocator that the package keeps deliberately, without a hint to replace it.
    pub(crate) allocator: Option<Allocator>,
    /// The working directory; by default the base's, else `/`.
    pub(crate) workdir: Option<AbsolutePath>,
    /// The program and its first arguments; by default the binary.
    pub(crate) entrypoint: Option<Vec<String>>,
    /// Its environment.
    pub(crate) env: BTreeMap<EnvName, String>,
    /// The default arguments, which a pod's `args` replace.
    pub(crate) args: Vec<String>,
    /// Labels, in addition to those derived from the package's own fields.
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations of the manifest and index, in addition to those derived from the package's own fields.
    pub(crate) annotations: BTreeMap<String, String>,
    /// The directories for which a container gets a volume.
    pub(crate) volumes: Vec<AbsolutePath>,
    /// The signal that asks it to stop; by default the base's, else SIGTERM.
    pub(crate) stop_signal: Option<Signal>,
    /// Environment variables for Cargo and the build scripts, such as `SQLX_OFFLINE`.
    pub(crate) build_env: BTreeMap<BuildEnvName, String>,
    /// The platforms to build for, unless the command line names others.
    pub(crate) platforms: Vec<PlatformName>,
    /// Files of the sources that are in the image besides the binary.
    pub(crate) assets: Vec<AssetSetting>,
    /// The folder that `src` of assets is relative to.
    #[serde(skip)]
    pub(crate) assets_folder: PathBuf,
    /// Cargo features to enable.
    pub(crate) features: Vec<String>,
    /// Cargo's `--no-default-features`.
    pub(crate) no_default_features: bool,
}

/// A name, or a list of names.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name or a list of names")
        }

        fn visit_str<E: de::Error>(self, name: &str) -> Result<Vec<String>, E> {
            Ok(vec![name.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some(name) = list.next_element()? {
                names.push(name);
            }
            if names.is_empty() {
                return Err(de::Error::invalid_length(0, &self));
            }
            Ok(names)
        }
    }

    deserializer.deserialize_any(Names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Settings, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    /// serde lists the keys in its error.
    #[test]
    fn readme_and_help_name_every_key() {
        let readme = include_str!("../README.md");
        let error = parse(r#"{"x": 1}"#).unwrap_err();
        let keys = error.split_once("one of ").unwrap().1;
        let keys = keys.split('`').skip(1).step_by(2);
        let mut command = <crate::args::Cli as clap::CommandFactory>::command();
        let build = command.find_subcommand_mut("build").unwrap();
        let help = build.render_long_help().to_string();
        let help = help.rsplit_once("Settings of the image").unwrap().1;
        let named: Vec<&str> = help.split([' ', ',', '.', '\n']).collect();
        for key in keys.clone() {
            assert!(readme.contains(&format!("\n| `{key}` | ")), "{key}");
            assert!(named.contains(&key), "{key}: {help}");
        }
        assert!(keys.count() > 5, "{error}");
    }

    #[test]
    fn the_default_user_is_nonroot() {
        assert_eq!(parse("{}").unwrap(), Settings::default());
        assert_eq!(User::NONROOT.to_string(), "65532:65532");
    }

    #[test]
    fn invalid_settings_are_explained() {
        let check = |json: &str, expected: &str| {
            let error = parse(json).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        };
        check(
            r#"{"prots": [1]}"#,
            "unknown field `prots`, expected one of `name`, `bin`, `ports`",
        );
        check(
            r#"{"ports": [0]}"#,
            "invalid value: integer `0`, expected a nonzero u16",
        );
        check(
            r#"{"ports": [70000]}"#,
            "invalid value: integer `70000`, expected a nonzero u16",
        );
        check(r#"{"name": "a:v1"}"#, "`a:v1` is not an image name");
        check(r#"{"name": "h.io/a"}"#, "`h.io/a` is not an image name");
        check(r#"{"name": "UP"}"#, "`UP` is not an image reference");
        check(r#"{"user": "app"}"#, "`app` is not a user");
        check(
            r#"{"base": "debian"}"#,
            "`debian` is not a base: it names no registry",
        );
        check(
            r#"{"libc": "uclibc"}"#,
            "unknown variant `uclibc`, expected `musl` or `glibc`",
        );
        check(r#"{"workdir": "app"}"#, "`app` is not a path in the image");
        check(
            r#"{"volumes": ["/a/../b"]}"#,
            "`/a/../b` is not a path in the image",
        );
        check(r#"{"stop-signal": "TERM"}"#, "`TERM` is not a signal");
        check(r#"{"env": {"A=B": ""}}"#, "`A=B` is not the name");
        check(r#"{"build-env": {"A=B": ""}}"#, "`A=B` is not the name");
        check(
            r#"{"build-env": {"RUSTFLAGS": ""}}"#,
            "`RUSTFLAGS` cannot be in `build-env`: flags for all builds belong in .cargo",
        );
        check(
            r#"{"build-env": {"SOURCE_DATE_EPOCH": "1"}}"#,
            "`SOURCE_DATE_EPOCH` cannot be in `build-env`: it is set with --source-date-epoch",
        );
    }

    #[test]
    fn a_user_without_a_group_has_its_own() {
        assert_eq!(
            parse(r#"{"user":"7"}"#).unwrap().user,
            Some(User { uid: 7, gid: 7 })
        );
        assert_eq!(
            parse(r#"{"user":"7:8"}"#).unwrap().user,
            Some(User { uid: 7, gid: 8 })
        );
    }
}
