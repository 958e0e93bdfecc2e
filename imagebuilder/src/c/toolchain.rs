//! Sets up Cargo's environment, so that build scripts find a C compiler.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::find::{Compiler, find};
use super::wrapper::{Script, Tool, UNFORTIFIED, missing};
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
    /// The program that links, if Rust has none for the target.
    linker: Option<PathBuf>,
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
            linker: None,
            variables: Vec::new(),
            record: folder.join("record"),
        };
        let links = target.libc != Libc::Musl && !target.is_native();
        if !needed && !links {
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
        if chosen(Tool::Cc) && !links {
            return Ok(toolchain.of_the_environment(target, &suffix, paths));
        }
        let search_path = environment.search_path.clone();
        let compiler = find(&search_path, target, &environment.zig);
        let bin = folder.join("bin");
        if links && let Some(compiler) = &compiler {
            toolchain.linker = Some(linker(compiler, target, paths, &bin, &toolchain.record)?);
        }
        // It is meant for this machine, which is right for glibc, and for musl better than nothing.
        let own = target.libc != Libc::Musl && target.is_native();
        if chosen(Tool::Cc) || ((own || compiler.is_none()) && environment.sets("CC")) {
            return Ok(toolchain.of_the_environment(target, &suffix, paths));
        }
        let mut scripts = Vec::new();
        for tool in Tool::ALL {
            if chosen(tool) {
                toolchain.set_flags(tool, target, &suffix, paths);
                continue;
            }
            let script = match &compiler {
                Some(compiler) => compiler.script(tool, target, paths, &toolchain.record),
                None => missing(target, &toolchain.record),
            };
            let name = format!("{}_{suffix}", tool.variable());
            toolchain.variables.push((name, script.name.clone().into()));
            scripts.push(script);
        }
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

    /// The compiler that the environment sets.
    fn of_the_environment(mut self, target: Target, suffix: &str, paths: &PathMap) -> Self {
        for tool in Tool::ALL {
            self.set_flags(tool, target, suffix, paths);
        }
        self.compiler = Some(Choice::Environment);
        self
    }

    /// Gives a compiler of the environment the flags that the scripts of others have.
    fn set_flags(&mut self, tool: Tool, target: Target, suffix: &str, paths: &PathMap) {
        let Some(name) = tool.flags_variable() else {
            return;
        };
        let mut flags = paths.flags("-ffile-prefix-map");
        if target.libc == Libc::Musl {
            flags.extend(UNFORTIFIED.map(str::to_owned));
        }
        let variable = (format!("{name}_{suffix}"), flags.join(" ").into());
        self.variables.push(variable);
    }

    /// Sets the environment of Cargo.
    pub(crate) fn apply(&self, command: &mut Command) {
        for (name, value) in &self.variables {
            command.env(name, value);
        }
    }

    /// The program that links, if Rust has none for the target and one was found.
    pub(crate) fn linker(&self) -> Option<&Path> {
        self.linker.as_deref()
    }

    /// Whether there is no compiler for packages that compile C.
    pub(crate) fn is_missing(&self) -> bool {
        self.compiler.is_none()
    }

    /// Whether C was compiled with the headers of a C library other than the one that is linked.
    pub(crate) fn used_foreign_headers(&self) -> bool {
        matches!(self.compiler, Some(Choice::Found(Compiler::Foreign(_)))) && self.record.exists()
    }

    /// The package whose build script called a compiler that is missing.
    pub(crate) fn wanted_by(&self) -> Option<String> {
        let name = fs::read_to_string(&self.record).ok()?;
        Some(name.trim_end().to_owned()).filter(|_| self.is_missing())
    }
}

/// What links with a compiler: itself, or its script in `bin` if it needs flags for the target.
fn linker(
    compiler: &Compiler,
    target: Target,
    paths: &PathMap,
    bin: &Path,
    record: &Path,
) -> Result<PathBuf, CError> {
    match compiler {
        Compiler::Gcc(gcc) | Compiler::Foreign(gcc) => Ok(gcc.clone()),
        Compiler::Zig(_) => {
            let script = compiler.script(Tool::Cc, target, paths, record);
            write(bin, &script)?;
            Ok(bin.join(script.name))
        }
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
