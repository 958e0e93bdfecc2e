//! Running Cargo, and finding what it built.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use cargo_metadata::Message;

use crate::cargo_config::{CargoConfig, CargoConfigError};
use crate::compile::{self, Paths};
use crate::environment::Environment;
use crate::options::Options;
use crate::target::{Target, TargetError, Toolchain};
use crate::workspace::{Service, Workspace};

/// Why a package could not be compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error(transparent)]
    Config(#[from] CargoConfigError),
    #[error(transparent)]
    Target(#[from] TargetError),
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
    },
    #[error("Cargo built package `{package}` and named no binary `{bin}`")]
    NoArtifact { package: String, bin: String },
}

/// Compiles a service, and returns the path of its binary.
///
/// Cargo's own diagnostics and progress go to stderr as they come; `options.quiet`
/// leaves out the progress.
pub(crate) fn compile(
    environment: &Environment,
    workspace: &Workspace,
    toolchain: &Toolchain,
    service: &Service,
    target: Target,
    options: &Options,
) -> Result<PathBuf, CompileError> {
    let registries = registries(environment.cargo_home.as_deref());
    let paths = Paths {
        workspace: workspace.root(),
        target_dir: workspace.target_dir(),
        cargo_home: environment.cargo_home.as_deref(),
        registries: &registries,
    };
    let config = CargoConfig::read(
        workspace.root(),
        environment.cargo_home.as_deref(),
        target.triple,
        &toolchain.cfgs(target.triple)?,
    )?;
    let mut command = Command::new(&environment.cargo);
    command
        .current_dir(workspace.root())
        .args(["build", "--message-format", "json-render-diagnostics"])
        .args(["--profile", &options.cargo.profile])
        .args(["--package", &service.package, "--bin", &service.bin])
        .arg("--target-dir")
        .arg(workspace.target_dir())
        .args(compile::arguments(
            target,
            toolchain,
            &paths,
            &config,
            &options.cargo.profile,
        ))
        .env("CARGO_INCREMENTAL", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    for name in &environment.ignored {
        command.env_remove(name);
    }
    // A build script or `option_env!` may read these: from the command line, they are part of the
    // image's contract; from the environment, they would not be.
    command.env("SOURCE_DATE_EPOCH", options.created.to_string());
    match &options.revision {
        Some(revision) => command.env("SOURCE_REVISION", revision),
        None => command.env_remove("SOURCE_REVISION"),
    };
    if options.quiet {
        command.arg("--quiet");
    }
    if service.settings.no_default_features {
        command.arg("--no-default-features");
    }
    if !service.settings.features.is_empty() {
        command
            .arg("--features")
            .arg(service.settings.features.join(","));
    }
    let lock_flags = [
        (options.cargo.locked, "--locked"),
        (options.cargo.offline, "--offline"),
        (options.cargo.frozen, "--frozen"),
    ];
    command.args(
        lock_flags
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, flag)| flag),
    );
    command.args(&options.cargo.arguments);
    let spawned = environment.interrupts.spawn(&mut command);
    let mut running = spawned.map_err(|source| CompileError::Spawn {
        cargo: environment.cargo.clone(),
        source,
    })?;
    let stdout = running.child().stdout.take().expect("it is piped");
    let found = artifact(BufReader::new(stdout), service);
    let status = running.child().wait().map_err(CompileError::Messages)?;
    if running.interrupted() {
        return Err(CompileError::Interrupted);
    }
    if !status.success() {
        let package = service.package.clone();
        return Err(CompileError::Failed {
            package,
            triple: target.triple,
            status,
        });
    }
    found
        .map_err(CompileError::Messages)?
        .ok_or_else(|| CompileError::NoArtifact {
            package: service.package.clone(),
            bin: service.bin.clone(),
        })
}

fn artifact(
    stdout: BufReader<impl std::io::Read>,
    service: &Service,
) -> std::io::Result<Option<PathBuf>> {
    let mut found = None;
    for message in Message::parse_stream(stdout) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.is_bin()
            && artifact.target.name == service.bin
        {
            found = artifact
                .executable
                .map(cargo_metadata::camino::Utf8PathBuf::into_std_path_buf);
        }
    }
    Ok(found)
}

fn registries(cargo_home: Option<&Path>) -> Vec<PathBuf> {
    let Some(home) = cargo_home else {
        return Vec::new();
    };
    let entries = fs::read_dir(home.join("registry/src"))
        .into_iter()
        .flatten()
        .flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
