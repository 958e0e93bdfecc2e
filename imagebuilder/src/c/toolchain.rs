//! Sets up Cargo's environment, so that build scripts find a C compiler.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::find::{Compiler, find};
use super::wrapper::{Script, Tool, missing};
use crate::environment::Environment;
use crate::files;
use crate::paths::PathMap;
use crate::target::{Libc, Target};

/// Why the scripts could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`", path.display())]
pub(crate) struct CError {
    pub(crate) path: PathBuf,
    #[source]
    pub(crate) source: io::Error,
}

/// The C toolchain for a target.
#[derive(Debug)]
pub(crate) struct CToolchain {
    /// The compiler from the environment, or a wrapper around one that was found; `None` if there is none.
    compiler: Option<Choice>,
    /// The variables for Cargo's environment.
    variables: Vec<(String, OsString)>,
    /// The file in which the stub of a missing compiler records the package that needs one, and in which a
    /// compiler for glibc records that it was used.
    record: PathBuf,
}

#[derive(Debug)]
enum Choice {
    /// A toolchain without a compiler: no package compiles C.
    Unneeded,
    Environment,
    Found(Compiler),
}

impl CToolchain {
    /// Finds a compiler for `target` and writes its scripts below `folder`.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn prepare(
        environment: &Environment,
        target: Target,
        needed: bool,
        paths: &PathMap,
        folder: &Path,
    ) -> Result<Self, CError> {
        let folder = folder.join(target.triple);
        let mut toolchain = Self {
            compiler: Some(Choice::Unneeded),
            variables: Vec::new(),
            record: folder.join("record"),
        };
        // With glibc, the target is either this machine, whose `cc` is right, or the crates `cc` and
        // `cmake` find a cross compiler by its name.
        if !needed || matches!(target.libc, Libc::Glibc | Libc::GlibcOfBase) {
            return Ok(toolchain);
        }
        let suffix = target.triple.replace('-', "_");
        let chosen = |tool: Tool| {
            let name = tool.variable();
            let names = [
                format!("{name}_{suffix}"),
                format!("{name}_{}", target.triple),
                format!("TARGET_{name}"),
            ];
            names.iter().any(|name| environment.sets(name))
        };
        if chosen(Tool::Cc) {
            return Ok(toolchain.of_the_environment(&suffix, paths));
        }
        let search_path = environment.search_path.clone();
        let compiler = find(&search_path, target.architecture(), &environment.zig);
        // `CC` is meant for this machine's own target, but better than nothing.
        if compiler.is_none() && environment.sets("CC") {
            return Ok(toolchain.of_the_environment(&suffix, paths));
        }
        let mut scripts = Vec::new();
        for tool in Tool::ALL.into_iter().filter(|tool| !chosen(*tool)) {
            let script = match &compiler {
                Some(compiler) => {
                    compiler.script(tool, target.architecture(), paths, &toolchain.record)
                }
                None => missing(target.architecture(), &toolchain.record),
            };
            let name = format!("{}_{suffix}", tool.variable());
            toolchain.variables.push((name, script.name.clone().into()));
            scripts.push(script);
        }
        let bin = folder.join("bin");
        for script in &scripts {
            write(&bin, script)?;
        }
        // An earlier run may have left it.
        let _ = fs::remove_file(&toolchain.record);
        let folders = std::iter::once(bin).chain(std::env::split_paths(&search_path));
        // A folder with a colon in its name cannot be on a PATH, so its compiler is not found.
        let path = std::env::join_paths(folders).unwrap_or(search_path);
        toolchain.variables.push(("PATH".to_owned(), path));
        toolchain.compiler = compiler.map(Choice::Found);
        Ok(toolchain)
    }

    /// The compiler that the environment sets, with flags to remap paths as for the others.
    fn of_the_environment(mut self, suffix: &str, paths: &PathMap) -> Self {
        let flags = paths.flags("-ffile-prefix-map").join(" ");
        for name in ["CFLAGS", "CXXFLAGS"] {
            let value = flags.clone().into();
            self.variables.push((format!("{name}_{suffix}"), value));
        }
        self.compiler = Some(Choice::Environment);
        self
    }

    /// Sets the environment of Cargo.
    pub(crate) fn apply(&self, command: &mut Command) {
        for (name, value) in &self.variables {
            command.env(name, value);
        }
    }

    /// Whether there is no compiler for packages that compile C.
    pub(crate) fn is_missing(&self) -> bool {
        self.compiler.is_none()
    }

    /// Whether C was compiled with the headers of a C library other than the one that is linked.
    pub(crate) fn used_foreign_headers(&self) -> bool {
        matches!(self.compiler, Some(Choice::Found(Compiler::Glibc(_)))) && self.record.exists()
    }

    /// The package whose build script called a compiler that is missing.
    pub(crate) fn wanted_by(&self) -> Option<String> {
        let name = fs::read_to_string(&self.record).ok()?;
        Some(name.trim_end().to_owned()).filter(|_| self.is_missing())
    }
}

/// Writes an executable script atomically: another build may be running it.
fn write(folder: &Path, script: &Script) -> Result<(), CError> {
    let path = folder.join(&script.name);
    let cannot = |source| CError {
        path: path.clone(),
        source,
    };
    if fs::read_to_string(&path).is_ok_and(|text| text == script.text) {
        return Ok(());
    }
    files::replace(&path, script.text.as_bytes(), 0o755).map_err(cannot)
}
