//! The flags and the linker that Cargo's configuration files choose for a target
//! (<https://doc.rust-lang.org/cargo/reference/config.html>).
//!
//! imagebuilder adds flags with `--config target.TRIPLE.rustflags`. Cargo joins these to other
//! matching `target` entries, but ignores `build.rustflags` as soon as any `target` entry matches.
//! Therefore the files are read here, and `build.rustflags` is passed on if Cargo would have used it.
//!
//! Cargo runs in the workspace's root, so files below it, in the directories of members, have no effect.
//! Variables that choose flags are not passed on to Cargo: see
//! [`Environment::ignored`](crate::environment::Environment).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cargo_platform::{Cfg, Platform};
use toml::{Table, Value};

use crate::link_arguments;

/// Why a configuration file could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CargoConfigError {
    #[error("cannot read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` is not valid TOML", path.display())]
    Parse {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
}

/// The configuration files, lowest precedence first.
#[derive(Debug)]
pub(crate) struct CargoConfigFiles(Vec<Table>);

impl CargoConfigFiles {
    /// Reads what Cargo reads when it runs in `directory` with these arguments.
    pub(crate) fn read(
        directory: &Path,
        cargo_home: Option<&Path>,
        arguments: &[String],
    ) -> Result<Self, CargoConfigError> {
        let mut tables = Vec::new();
        for path in files(directory, cargo_home) {
            add_file(&path, &mut tables, &mut Vec::new())?;
        }
        for value in configs(arguments) {
            let path = directory.join(value);
            if path.is_file() {
                add_file(&path, &mut tables, &mut Vec::new())?;
            } else {
                // Cargo refuses what is neither a file nor TOML.
                tables.extend(value.parse::<Table>().ok());
            }
        }
        Ok(Self(tables))
    }

    /// Whether an entry selects targets by a `cfg`.
    pub(crate) fn select_by_cfg(&self) -> bool {
        let targets = self
            .0
            .iter()
            .filter_map(|file| file.get("target")?.as_table());
        let mut keys = targets.flat_map(Table::keys);
        keys.any(|key| matches!(key.parse(), Ok(Platform::Cfg(_))))
    }

    /// Their choices for the target `triple`, for which `cfgs` are set.
    pub(crate) fn choose(&self, triple: &str, cfgs: &[Cfg]) -> CargoConfig {
        let mut config = CargoConfig::default();
        for file in &self.0 {
            config.add(file, triple, cfgs);
        }
        config
    }
}

/// The choices of the configuration files for one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CargoConfig {
    /// The flags of `build.rustflags`, lowest precedence first.
    build_rustflags: Vec<String>,
    /// The flags of all matching `target` entries; `None` if no matching entry sets any.
    target_rustflags: Option<Vec<String>>,
    /// A matching `target` entry sets a linker.
    linker: bool,
}

impl CargoConfig {
    /// Adds a file of higher precedence than those before it.
    fn add(&mut self, file: &Table, triple: &str, cfgs: &[Cfg]) {
        if let Some(value) = file.get("build").and_then(|build| build.get("rustflags")) {
            add_flags(&mut self.build_rustflags, value);
        }
        let targets = file.get("target").and_then(Value::as_table);
        for (key, entry) in targets.into_iter().flatten() {
            if !key
                .parse()
                .is_ok_and(|platform: Platform| platform.matches(triple, cfgs))
            {
                continue;
            }
            self.linker |= entry.get("linker").is_some();
            if let Some(value) = entry.get("rustflags") {
                add_flags(self.target_rustflags.get_or_insert_default(), value);
            }
        }
    }

    /// The same, if a variable of the environment may choose the linker too.
    pub(crate) fn with_linker(mut self, chosen: bool) -> Self {
        self.linker |= chosen;
        self
    }

    /// The flags that Cargo ignores once `target.TRIPLE.rustflags` is set.
    pub(crate) fn flags_to_pass_on(&self) -> &[String] {
        match self.target_rustflags {
            Some(_) => &[],
            None => &self.build_rustflags,
        }
    }

    /// Whether the configuration chooses the linker, or passes arguments that only a C compiler
    /// driver understands.
    pub(crate) fn chooses_linker(&self) -> bool {
        let flags = self
            .target_rustflags
            .as_ref()
            .unwrap_or(&self.build_rustflags);
        self.linker || flags.iter().any(|flag| is_for_a_driver(flag))
    }
}

/// Whether a flag sets the linker, or is an argument for `cc` and not for `ld`.
fn is_for_a_driver(flag: &str) -> bool {
    let flag = flag.strip_prefix("-C").unwrap_or(flag).trim_start();
    let Some((name, value)) = flag.split_once('=') else {
        return false;
    };
    match name {
        "linker" | "linker-flavor" => true,
        "link-arg" | "link-args" => value
            .split_whitespace()
            .any(link_arguments::is_for_a_driver),
        _ => false,
    }
}

/// Adds the flags of a value as Cargo merges them: an array is appended, a string replaces the previous
/// value.
fn add_flags(flags: &mut Vec<String>, value: &Value) {
    match value {
        Value::String(text) => {
            *flags = text.split_whitespace().map(str::to_owned).collect();
        }
        Value::Array(values) => {
            flags.extend(values.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        // Cargo has already refused it.
        _ => {}
    }
}

/// Adds a file, after those that it includes, which have lower precedence. `open` are those that are being read.
fn add_file(
    path: &Path,
    tables: &mut Vec<Table>,
    open: &mut Vec<PathBuf>,
) -> Result<(), CargoConfigError> {
    // Cargo refuses a file that includes itself.
    if open.iter().any(|other| other == path) {
        return Ok(());
    }
    let text = fs::read_to_string(path).map_err(|source| CargoConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let table: Table = text.parse().map_err(|source| CargoConfigError::Parse {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    open.push(path.to_owned());
    let folder = path.parent().unwrap_or(path);
    for (included, optional) in includes(&table) {
        let included = folder.join(included);
        if !optional || included.exists() {
            add_file(&included, tables, open)?;
        }
    }
    open.pop();
    tables.push(table);
    Ok(())
}

/// The paths that a file includes, relative to its folder, and whether they may be missing.
fn includes<'a>(file: &'a Table) -> Vec<(&'a str, bool)> {
    let entry = |value: &'a Value| match value {
        Value::String(path) => Some((path.as_str(), false)),
        Value::Table(entry) => {
            let optional = entry.get("optional").and_then(Value::as_bool);
            Some((entry.get("path")?.as_str()?, optional.unwrap_or(false)))
        }
        _ => None,
    };
    let entries = file.get("include").and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(entry).collect()
}

/// The values of `--config` among Cargo's arguments.
fn configs(arguments: &[String]) -> impl Iterator<Item = &str> {
    let mut arguments = arguments.iter();
    std::iter::from_fn(move || {
        loop {
            let argument = arguments.next()?;
            if argument == "--config" {
                return arguments.next().map(String::as_str);
            }
            if let Some(value) = argument.strip_prefix("--config=") {
                return Some(value);
            }
        }
    })
}

/// The configuration files, the one of lowest precedence first.
fn files(directory: &Path, cargo_home: Option<&Path>) -> Vec<PathBuf> {
    let folders = directory.ancestors().map(|folder| folder.join(".cargo"));
    let mut found: Vec<PathBuf> = folders.filter_map(|folder| file_in(&folder)).collect();
    if let Some(file) = cargo_home.and_then(file_in)
        && !found.contains(&file)
    {
        found.push(file);
    }
    found.reverse();
    found
}

/// The configuration file in a folder. Cargo prefers the name without an extension.
fn file_in(folder: &Path) -> Option<PathBuf> {
    ["config", "config.toml"]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIPLE: &str = "x86_64-unknown-linux-musl";

    /// The configuration of several files, the one of lowest precedence first.
    fn config(files: &[&str]) -> CargoConfig {
        let cfgs: Vec<Cfg> = ["unix", "target_env=\"musl\"", "target_os=\"linux\""]
            .map(|cfg| cfg.parse().unwrap())
            .into();
        parsed(files).choose(TRIPLE, &cfgs)
    }

    fn parsed(files: &[&str]) -> CargoConfigFiles {
        CargoConfigFiles(files.iter().map(|file| file.parse().unwrap()).collect())
    }

    #[test]
    fn cfgs_are_needed_if_a_target_is_selected_by_one() {
        for (file, needed) in [
            ("[build]\nrustflags = \"-Ca=1\"", false),
            ("[target.x86_64-unknown-linux-musl]\nlinker = \"a\"", false),
            ("[target.'cfg(unix)']\nlinker = \"a\"", true),
            ("[target.'cfg(']\nlinker = \"a\"", false),
        ] {
            assert_eq!(parsed(&["", file]).select_by_cfg(), needed, "{file}");
        }
    }

    #[test]
    fn passes_build_rustflags_on_unless_a_target_entry_matches() {
        let build = "[build]\nrustflags = [\"--cfg\", \"a\"]\n";
        assert_eq!(config(&[build]).flags_to_pass_on(), ["--cfg", "a"]);
        let check = |key: &str, expected: &[&str]| {
            let target = format!("{build}[target.'{key}']\nrustflags = [\"--cfg=b\"]\n");
            assert_eq!(config(&[&target]).flags_to_pass_on(), expected, "{key}");
        };
        check(TRIPLE, &[]);
        check("cfg(target_env = \"musl\")", &[]);
        check("cfg(windows)", &["--cfg", "a"]);
        check("aarch64-unknown-linux-musl", &["--cfg", "a"]);
    }

    #[test]
    fn joins_arrays_and_replaces_strings_by_precedence() {
        let array = "[build]\nrustflags = [\"-Ca=1\"]";
        let other = "[build]\nrustflags = [\"-Cb=2\"]";
        let string = "[build]\nrustflags = \"-Cc=3 -Cd=4\"";
        assert_eq!(
            config(&[array, other]).flags_to_pass_on(),
            ["-Ca=1", "-Cb=2"]
        );
        assert_eq!(
            config(&[array, string]).flags_to_pass_on(),
            ["-Cc=3", "-Cd=4"]
        );
    }

    #[test]
    fn reads_what_files_include_and_arguments_set() {
        let top = tempfile::tempdir().unwrap();
        let write = |name: &str, flag: &str, more: &str| {
            let path = top.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{more}\n[build]\nrustflags = [\"-C{flag}\"]")).unwrap();
        };
        let include =
            "include = [\"a.toml\", { path = \"../b.toml\" }, { path = \"no\", optional = true }]";
        write("ws/.cargo/config.toml", "top", include);
        // Cargo refuses a file that includes itself; reading it must not loop forever.
        write("ws/.cargo/a.toml", "a", "include = [\"a.toml\"]");
        write("ws/b.toml", "b", "");
        write("ws/c.toml", "c", "");
        let arguments = [
            "--config",
            "c.toml",
            "--jobs",
            "1",
            "--config=build.rustflags=['-Cd']",
        ];
        let arguments = arguments.map(str::to_owned);
        let read = CargoConfigFiles::read(&top.path().join("ws"), None, &arguments).unwrap();
        let config = read.choose(TRIPLE, &[]);
        assert_eq!(
            config.flags_to_pass_on(),
            ["-Ca", "-Cb", "-Ctop", "-Cc", "-Cd"]
        );
        write("ws/.cargo/a.toml", "a", "include = [\"no.toml\"]");
        let missing = CargoConfigFiles::read(&top.path().join("ws"), None, &[]);
        assert!(matches!(missing, Err(CargoConfigError::Read { .. })));
    }

    #[test]
    fn sees_every_way_to_choose_a_linker() {
        for yes in [
            "[target.x86_64-unknown-linux-musl]\nlinker = \"musl-gcc\"",
            "[target.'cfg(unix)']\nlinker = \"clang\"",
            "[build]\nrustflags = \"-C linker=clang\"",
            "[build]\nrustflags = [\"-Clinker=clang\"]",
            "[target.'cfg(unix)']\nrustflags = [\"-C\", \"link-arg=-fuse-ld=mold\"]",
            "[build]\nrustflags = [\"-Clink-arg=-Wl,-z,now\"]",
        ] {
            assert!(config(&[yes]).chooses_linker(), "{yes}");
        }
        for no in [
            "[target.'cfg(windows)']\nlinker = \"clang\"",
            "[build]\nrustflags = [\"-Clink-arg=-znow\", \"-Ctarget-cpu=native\"]",
        ] {
            assert!(!config(&[no]).chooses_linker(), "{no}");
        }
    }

    #[test]
    fn finds_the_files_that_cargo_reads() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        for file in [
            "ws/.cargo/config.toml",
            ".cargo/config",
            ".cargo/config.toml",
            "home/config.toml",
        ] {
            fs::create_dir_all(path(file).parent().unwrap()).unwrap();
            fs::write(path(file), "").unwrap();
        }
        let found = files(&path("ws"), Some(&path("home")));
        let expected = ["home/config.toml", ".cargo/config", "ws/.cargo/config.toml"].map(path);
        assert_eq!(found[found.len() - 3..], expected);
        let found = files(&path("ws"), Some(&path(".cargo")));
        assert_eq!(
            found
                .iter()
                .filter(|file| **file == path(".cargo/config"))
                .count(),
            1
        );
    }
}
