//! Runs Cargo, and finds what it built.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use cargo_metadata::{Message, PackageId};
use cli::Bytes;

use crate::c::{CError, CToolchain};
use crate::cargo_config::{CargoConfigError, CargoConfigFiles};
use crate::compile;
use crate::environment::{Environment, PASSWORD_VARIABLE};
use crate::fetch;
use crate::free_space::little_space;
use crate::link_arguments;
use crate::options::Options;
use crate::paths::PathMap;
use crate::rustup;
use crate::target::{Target, TargetError};
use crate::toolchain::Toolchain;
use crate::workspace::{Service, Workspace};

/// The beginning of Cargo's error when a build script fails.
const BUILD_SCRIPT_FAILED: &str = "error: failed to run custom build command";

/// Why a package could not be compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error(transparent)]
    Config(#[from] CargoConfigError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    C(#[from] CError),
    #[error("package `{package}` compiles C, and there is no C compiler for {triple}")]
    NoCCompiler {
        package: String,
        triple: &'static str,
    },
    #[error("there is no linker for {triple}")]
    NoLinker { triple: &'static str },
    #[error("interrupted while Cargo was compiling")]
    Interrupted,
    #[error("cannot run `{}`", cargo.display())]
    Spawn {
        cargo: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot read Cargo's messages")]
    Messages(#[source] std::io::Error),
    #[error("Cargo could not compile package `{package}` for {triple} ({status})")]
    Failed {
        package: String,
        triple: &'static str,
        status: ExitStatus,
        /// The probable cause, if Cargo's output does not show it.
        cause: Option<Cause>,
    },
    #[error("Cargo built package `{package}`, but reported no binary `{bin}`")]
    NoArtifact { package: String, bin: String },
}

/// Why Cargo probably failed.
#[derive(Debug)]
pub(crate) enum Cause {
    /// rust-lld refuses an argument that is for a compiler's driver.
    Argument {
        argument: String,
        /// The variable that chooses another linker.
        variable: String,
    },
    /// The file system of Cargo's target directory has little space. A linker that fills it does not say so:
    /// rust-lld is killed by SIGBUS.
    LittleSpace { directory: PathBuf, free: Bytes },
}

/// An event while a package is compiled.
#[derive(Debug)]
pub(crate) enum Note<'a> {
    /// A line of Cargo's diagnostics.
    Diagnostic(&'a str),
    /// C was compiled with the headers of a C library other than the one that is linked.
    ForeignHeaders,
}

/// The result of a build by Cargo.
#[derive(Debug)]
pub(crate) struct Build {
    /// The path of each binary, in the order of the service's.
    pub(crate) binaries: Vec<(String, PathBuf)>,
    /// The packages that were compiled for the target rather than for build scripts and macros.
    pub(crate) packages: BTreeSet<PackageId>,
    /// All packages that were compiled.
    pub(crate) all_packages: BTreeSet<PackageId>,
    /// The folders of the packages that were compiled for the target.
    pub(crate) folders: BTreeSet<PathBuf>,
}

/// Compiles a service.
///
/// Cargo's own diagnostics and progress go to stderr directly; `options.quiet` disables the progress. If
/// diagnostics are requested as events, or may have to be replaced, they go to `notes` line by line.
pub(crate) fn compile(
    environment: &Environment,
    workspace: &Workspace,
    toolchain: &Toolchain,
    service: &Service,
    target: Target,
    options: &Options,
    notes: &mut dyn FnMut(Note<'_>),
) -> Result<Build, CompileError> {
    fetch::fetch(environment, workspace, toolchain, target, options)
        .map_err(|fetch::Interrupted| CompileError::Interrupted)?;
    let paths = PathMap::new(environment, workspace, toolchain);
    let compiler = CToolchain::prepare(
        environment,
        target,
        workspace.compiles_c(),
        &paths,
        &workspace.target_dir().join("imagebuilder-c"),
    )?;
    let files = CargoConfigFiles::read(
        workspace.root(),
        environment.cargo_home.as_deref(),
        &options.cargo.arguments,
    )?;
    // Only if needed: it starts rustc once more.
    let cfgs = if files.select_by_cfg() {
        toolchain.cfgs(target.triple)?
    } else {
        Vec::new()
    };
    let config = files.choose(target.triple, &cfgs);
    let config = config.with_linker(environment.sets(&target.linker_variable()));
    let linker = compiler.linker();
    // On this machine Cargo uses `cc`; for another, `cc` would only fail.
    let links = target.links_itself() || target.is_native();
    if !links && !config.chooses_linker() && linker.is_none() {
        return Err(CompileError::NoLinker {
            triple: target.triple,
        });
    }
    let profile = &options.cargo.profile;
    let flags = compile::arguments(target, &paths, &config, profile, linker);
    let mut command = command(
        environment,
        workspace,
        toolchain,
        service,
        &flags,
        &compiler,
        options,
    );
    let spawned = environment.interrupts.spawn(&mut command);
    let mut running = spawned.map_err(|source| CompileError::Spawn {
        cargo: environment.cargo.clone(),
        source,
    })?;
    let stdout = running.child().stdout.take().expect("it is piped");
    let stderr = running.child().stderr.take();
    let (found, held) = std::thread::scope(|scope| {
        let found = scope.spawn(|| artifacts(BufReader::new(stdout), service, target.triple));
        let held = match stderr {
            Some(stderr) => pass_on(stderr, notes),
            None => Vec::new(),
        };
        (found.join().expect("reading messages does not panic"), held)
    });
    let status = running.child().wait().map_err(CompileError::Messages)?;
    if running.interrupted() {
        return Err(CompileError::Interrupted);
    }
    if compiler.used_foreign_headers() {
        notes(Note::ForeignHeaders);
    }
    if !status.success() {
        if let Some(package) = compiler.wanted_by() {
            let triple = target.triple;
            return Err(CompileError::NoCCompiler { package, triple });
        }
        for line in &held {
            notes(Note::Diagnostic(line));
        }
        let refused = found.ok().and_then(|found| found.argument_for_a_driver());
        let refused = refused.filter(|_| compile::rust_lld_links(target, &config));
        return Err(CompileError::Failed {
            package: service.package.clone(),
            triple: target.triple,
            status,
            cause: cause(refused, target, workspace.target_dir()),
        });
    }
    let found = found.map_err(CompileError::Messages)?;
    let mut binaries = Vec::new();
    for bin in service.bins() {
        let path = found.binaries.get(bin);
        let path = path.ok_or_else(|| CompileError::NoArtifact {
            package: service.package.clone(),
            bin: bin.to_owned(),
        })?;
        binaries.push((bin.to_owned(), path.clone()));
    }
    Ok(Build {
        binaries,
        packages: found.packages,
        all_packages: found.all_packages,
        folders: found.folders,
    })
}

/// Why Cargo probably failed, if rust-lld may have refused an argument.
fn cause(refused: Option<String>, target: Target, directory: &Path) -> Option<Cause> {
    if let Some(argument) = refused {
        let variable = target.linker_variable();
        return Some(Cause::Argument { argument, variable });
    }
    let free = little_space(directory)?;
    let directory = directory.to_owned();
    Some(Cause::LittleSpace { directory, free })
}

/// `cargo build`, with the arguments `flags` and the environment that the image may depend on.
fn command(
    environment: &Environment,
    workspace: &Workspace,
    toolchain: &Toolchain,
    service: &Service,
    flags: &[OsString],
    c: &CToolchain,
    options: &Options,
) -> Command {
    let mut command = rustup::cargo(environment, &toolchain.sysroot);
    command
        .current_dir(workspace.root())
        .args(["build", "--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(workspace.root_manifest())
        .args(["--profile", &options.cargo.profile])
        .args(["--package", &service.id])
        .args(service.bins().flat_map(|bin| ["--bin", bin]))
        .arg("--target-dir")
        .arg(workspace.target_dir())
        .args(flags)
        .env("CARGO_INCREMENTAL", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    for name in environment.ignored() {
        command.env_remove(name);
    }
    // Build scripts must not see the password of a key.
    command.env_remove(PASSWORD_VARIABLE);
    c.apply(&mut command);
    for (name, value) in &service.settings.build_env {
        command.env(&name.0, value);
    }
    // A build script or `option_env!` may read these. The image may depend on them only if they are
    // set on the command line, not in the environment.
    command.env("SOURCE_DATE_EPOCH", options.created.to_string());
    match &options.revision {
        Some(revision) => command.env("SOURCE_REVISION", revision),
        None => command.env_remove("SOURCE_REVISION"),
    };
    if options.quiet {
        command.arg("--quiet");
    }
    if options.diagnostics_are_events || c.is_missing() {
        command.stderr(Stdio::piped());
    }
    if service.settings.no_default_features {
        command.arg("--no-default-features");
    }
    if !service.settings.features.is_empty() {
        command
            .arg("--features")
            .arg(service.settings.features.join(","));
    }
    command.args(options.cargo.lock_flags());
    command.args(&options.cargo.arguments);
    command
}

/// Passes Cargo's diagnostics on, except those from a failed build script onwards, which are returned.
fn pass_on(stderr: impl Read, notes: &mut dyn FnMut(Note<'_>)) -> Vec<String> {
    let mut held = Vec::new();
    let mut reader = BufReader::new(stderr);
    let mut bytes = Vec::new();
    // An error of this pipe only hides diagnostics; the result is in Cargo's exit status.
    while reader
        .read_until(b'\n', &mut bytes)
        .is_ok_and(|count| count > 0)
    {
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches('\n');
        if held.is_empty() && !line.starts_with(BUILD_SCRIPT_FAILED) {
            notes(Note::Diagnostic(line));
        } else {
            held.push(line.to_owned());
        }
        bytes.clear();
    }
    held
}

/// The result of a build, from Cargo's messages.
#[derive(Default)]
struct Artifacts {
    /// The binaries of the service's package, by name.
    binaries: BTreeMap<String, PathBuf>,
    packages: BTreeSet<PackageId>,
    all_packages: BTreeSet<PackageId>,
    folders: BTreeSet<PathBuf>,
    /// The files with what the build scripts of the service's package printed.
    outputs: Vec<PathBuf>,
}

impl Artifacts {
    /// An argument of a build script that is for a compiler's driver.
    fn argument_for_a_driver(&self) -> Option<String> {
        let mut outputs = self.outputs.iter();
        outputs.find_map(|output| link_arguments::of_build_script(output))
    }
}

fn artifacts(
    stdout: BufReader<impl Read>,
    service: &Service,
    triple: &str,
) -> std::io::Result<Artifacts> {
    let mut found = Artifacts::default();
    for message in Message::parse_stream(stdout) {
        let artifact = match message? {
            Message::CompilerArtifact(artifact) => artifact,
            Message::BuildScriptExecuted(script) if script.package_id.repr == service.id => {
                found
                    .outputs
                    .push(script.out_dir.with_file_name("output").into());
                continue;
            }
            _ => continue,
        };
        let is_service = artifact.package_id.repr == service.id;
        // Cargo builds for the target below a directory of its name, and for the host elsewhere.
        let mut files = artifact.filenames.iter();
        if files.any(|file| file.components().any(|part| part.as_str() == triple)) {
            found.packages.insert(artifact.package_id.clone());
            let folder = artifact.manifest_path.parent();
            found.folders.extend(folder.map(PathBuf::from));
        }
        found.all_packages.insert(artifact.package_id);
        if let Some(path) = artifact.executable
            && artifact.target.is_bin()
            && is_service
        {
            let path = path.into_std_path_buf();
            found.binaries.insert(artifact.target.name, path);
        }
    }
    Ok(found)
}
