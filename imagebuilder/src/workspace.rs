//! The Cargo workspace: its packages, and which of their binaries go into an image.

use std::io;
use std::path::{Path, PathBuf};

use cargo_metadata::{
    DependencyKind, Metadata as CargoMetadata, MetadataCommand, Package, TargetKind,
};

use crate::cache::Cache;
use crate::environment::Environment;
use crate::files::is_same_file;
use crate::metadata::{self, Metadata, MetadataError};
use crate::settings::Settings;
use crate::spec;

/// Why a package cannot be built into an image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    #[error("cannot resolve the current directory")]
    CurrentDirectory(#[source] io::Error),
    #[error("there is no Cargo.toml in `{}` or a directory above it", directory.display())]
    NoManifest { directory: PathBuf },
    #[error("cannot run `{}`", cargo.display())]
    Spawn {
        cargo: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read the Cargo workspace")]
    Metadata(#[source] Box<cargo_metadata::Error>),
    #[error("the workspace `{}` has no package `{wanted}`, only {available}", root.display())]
    NoSuchPackage {
        wanted: String,
        root: PathBuf,
        available: String,
        /// The package that may have been meant.
        similar: Option<String>,
    },
    #[error("`{}` is not the manifest of one package with a binary: name one of {available}", manifest.display())]
    NoDefaultPackage {
        manifest: PathBuf,
        available: String,
    },
    #[error("no package of `{}` has a binary to put into an image", manifest.display())]
    NoBinaries { manifest: PathBuf },
    #[error("package `{package}` has no binary to put into an image")]
    NoBinary { package: String },
    #[error("package `{package}` has several binaries: {available}")]
    SeveralBinaries { package: String, available: String },
    #[error("package `{package}` has no binary `{wanted}`, only {available}")]
    NoSuchBinary {
        package: String,
        wanted: String,
        available: String,
    },
    #[error("Cargo reports no dependency graph")]
    NoGraph,
    #[error("`{spec}` is ambiguous: it matches {available}")]
    Ambiguous { spec: String, available: String },
    #[error(transparent)]
    Settings(#[from] MetadataError),
}

/// A workspace as Cargo sees it.
#[derive(Debug)]
pub(crate) struct Workspace {
    metadata: CargoMetadata,
    /// The given Cargo.toml, or the one that Cargo finds from the current directory.
    manifest: PathBuf,
}

/// A package before its settings are read.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    pub(crate) package: String,
    pub(crate) manifest: PathBuf,
    pub(crate) bins: Vec<String>,
    pub(crate) default_run: Option<String>,
    /// The names of its dependencies.
    pub(crate) dependencies: Vec<String>,
    /// It has `[package.metadata.image]`.
    pub(crate) has_table: bool,
}

/// A package, its binaries that go into the image, and the settings of the image.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) package: String,
    /// The package's ID, which is unique even if a dependency has the same name.
    pub(crate) id: String,
    /// The binary that the image runs.
    pub(crate) bin: String,
    /// Further binaries in the image, in their order.
    pub(crate) more_bins: Vec<String>,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) settings: Settings,
}

impl Service {
    /// Its binaries, starting with the one that the image runs.
    pub(crate) fn bins(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.bin)
            .chain(&self.more_bins)
            .map(String::as_str)
    }
}

impl Workspace {
    /// Reads the workspace of `manifest`, which [`manifest`] found, with Cargo.
    pub(crate) fn read(
        environment: &Environment,
        manifest: PathBuf,
    ) -> Result<Self, WorkspaceError> {
        let mut command = MetadataCommand::new();
        command.cargo_path(&environment.cargo).no_deps();
        let metadata = command
            .manifest_path(&manifest)
            .exec()
            .map_err(unread(environment))?;
        Ok(Self { metadata, manifest })
    }

    /// The default package: the only one that Cargo builds by default, or the only one of these with a binary.
    pub(crate) fn default_package(&self) -> Result<&str, WorkspaceError> {
        let packages = self.default_packages();
        if let [only] = packages[..] {
            return Ok(only.name.as_str());
        }
        let with_binary = packages
            .into_iter()
            .filter(|package| bins(package).next().is_some());
        let mut names: Vec<&str> = with_binary.map(|package| package.name.as_str()).collect();
        names.sort_unstable();
        match names[..] {
            [only] => Ok(only),
            [] => Err(WorkspaceError::NoBinaries {
                manifest: self.manifest.clone(),
            }),
            _ => Err(WorkspaceError::NoDefaultPackage {
                manifest: self.manifest.clone(),
                available: quoted(&names),
            }),
        }
    }

    /// The packages that Cargo builds by default: that of the manifest, or for the manifest of the workspace its
    /// default members.
    fn default_packages(&self) -> Vec<&Package> {
        if is_same_file(&self.root_manifest(), &self.manifest) {
            return self.metadata.workspace_default_packages();
        }
        let mut packages = self.metadata.workspace_packages();
        packages
            .retain(|package| is_same_file(package.manifest_path.as_std_path(), &self.manifest));
        packages
    }

    /// The directory with the workspace's Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        self.metadata.workspace_root.as_std_path()
    }

    /// The workspace's Cargo.toml, by the path in the IDs of its packages: the path of a given Cargo.toml may
    /// have links, which the current directory of a process does not.
    pub(crate) fn root_manifest(&self) -> PathBuf {
        self.root().join("Cargo.toml")
    }

    /// Cargo's target directory.
    pub(crate) fn target_dir(&self) -> &Path {
        self.metadata.target_directory.as_std_path()
    }

    /// The directories that Cargo writes into: the target directory and, if it is another, the one for intermediate
    /// files.
    pub(crate) fn target_dirs(&self) -> Vec<&Path> {
        let build = self.metadata.build_directory.as_ref();
        let build = build.map(|directory| directory.as_std_path());
        [self.target_dir()].into_iter().chain(build).collect()
    }

    /// The cached results of earlier runs, in Cargo's target directory, so that `cargo clean`
    /// removes them.
    pub(crate) fn cache(&self) -> Cache {
        Cache::new(self.target_dir().join("imagebuilder-cache"))
    }

    /// Whether a dependency may compile C: one that does is in Cargo.lock, or there is no lock file yet.
    pub(crate) fn compiles_c(&self) -> bool {
        let lock = std::fs::read_to_string(self.root().join("Cargo.lock"));
        lock.map_or(true, |lock| {
            lock.lines()
                .any(|line| matches!(line, "name = \"cc\"" | "name = \"cmake\""))
        })
    }

    /// The service of the package that `spec` names, as for `cargo build --package`.
    /// `bins` are its binaries; if empty, those of the settings.
    pub(crate) fn service(&self, spec: &str, bins: &[String]) -> Result<Service, WorkspaceError> {
        let package = self.package(spec)?;
        let settings = metadata::settings(
            Metadata {
                value: &self.metadata.workspace_metadata,
                manifest: &self.root_manifest(),
            },
            Metadata {
                value: &package.metadata,
                manifest: package.manifest_path.as_std_path(),
            },
        )?;
        let chosen = if bins.is_empty() { &settings.bin } else { bins };
        let (bin, more_bins) = binaries(package, chosen)?;
        Ok(Service {
            package: package.name.to_string(),
            id: package.id.repr.clone(),
            bin,
            more_bins,
            version: package.version.to_string(),
            license: package.license.clone(),
            repository: package.repository.clone(),
            description: package.description.clone(),
            settings,
        })
    }

    /// The package that `spec` names, which must have a binary.
    pub(crate) fn outline(&self, spec: &str) -> Result<Outline, WorkspaceError> {
        let package = self.package(spec)?;
        let bins: Vec<String> = bins(package).map(str::to_owned).collect();
        let name = package.name.to_string();
        if bins.is_empty() {
            return Err(WorkspaceError::NoBinary { package: name });
        }
        let dependencies = package.dependencies.iter();
        Ok(Outline {
            package: name,
            manifest: package.manifest_path.clone().into_std_path_buf(),
            bins,
            default_run: package.default_run.clone(),
            dependencies: dependencies.map(|other| other.name.clone()).collect(),
            has_table: package.metadata.get("image").is_some(),
        })
    }

    /// The dependency graph of a service for a target. `lock_flags` keep Cargo from using the
    /// network or changing Cargo.lock.
    pub(crate) fn dependencies(
        &self,
        environment: &Environment,
        service: &Service,
        triple: &str,
        lock_flags: impl Iterator<Item = &'static str>,
    ) -> Result<CargoMetadata, WorkspaceError> {
        let package = self.package(&service.id)?;
        let mut options = vec!["--filter-platform".to_owned(), triple.to_owned()];
        if service.settings.no_default_features {
            options.push("--no-default-features".to_owned());
        }
        if !service.settings.features.is_empty() {
            options.push("--features".to_owned());
            options.push(service.settings.features.join(","));
        }
        options.extend(lock_flags.map(str::to_owned));
        MetadataCommand::new()
            .cargo_path(&environment.cargo)
            .current_dir(self.root())
            .manifest_path(&package.manifest_path)
            .other_options(options)
            .exec()
            .map_err(unread(environment))
    }

    /// Whether a package of the workspace uses another only in its build script or its tests, so that it does
    /// not link it. Both are names of packages.
    pub(crate) fn only_builds_with(&self, package: &str, dependency: &str) -> bool {
        let packages = self.metadata.workspace_packages();
        let package = packages
            .into_iter()
            .find(|candidate| candidate.name.as_str() == package);
        let mut dependencies = package
            .into_iter()
            .flat_map(|package| &package.dependencies)
            .filter(|candidate| candidate.name == dependency)
            .peekable();
        dependencies.peek().is_some()
            && dependencies.all(|dependency| dependency.kind != DependencyKind::Normal)
    }

    fn package(&self, name: &str) -> Result<&Package, WorkspaceError> {
        let packages = self.metadata.workspace_packages();
        let matching: Vec<&Package> = packages
            .iter()
            .filter(|package| {
                let folder = package.manifest_path.parent();
                let folder = folder.expect("a manifest is in a folder");
                spec::matches(
                    name,
                    package.name.as_str(),
                    &package.version.to_string(),
                    folder.as_std_path(),
                )
            })
            .copied()
            .collect();
        match matching[..] {
            [package] => return Ok(package),
            [] => {}
            _ => {
                let ids: Vec<&str> = matching.iter().map(|p| p.id.repr.as_str()).collect();
                return Err(WorkspaceError::Ambiguous {
                    spec: name.to_owned(),
                    available: quoted(&ids),
                });
            }
        }
        let mut names: Vec<&str> = packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        names.sort_unstable();
        Err(WorkspaceError::NoSuchPackage {
            wanted: name.to_owned(),
            root: self.root().to_owned(),
            available: quoted(&names),
            similar: similar(name, &packages),
        })
    }
}

/// The given Cargo.toml or, as in Cargo, the one of the current directory or of the nearest
/// directory above.
pub(crate) fn manifest(named: Option<&Path>) -> Result<PathBuf, WorkspaceError> {
    let directory = std::env::current_dir().map_err(WorkspaceError::CurrentDirectory)?;
    if let Some(path) = named {
        return Ok(directory.join(path));
    }
    let mut paths = directory
        .ancestors()
        .map(|directory| directory.join("Cargo.toml"));
    paths
        .find(|path| path.is_file())
        .ok_or(WorkspaceError::NoManifest {
            directory: directory.clone(),
        })
}

/// Why `cargo metadata` failed.
fn unread(environment: &Environment) -> impl FnOnce(cargo_metadata::Error) -> WorkspaceError {
    let cargo = environment.cargo.clone();
    move |error| match error {
        cargo_metadata::Error::Io(source) => WorkspaceError::Spawn { cargo, source },
        error => WorkspaceError::Metadata(Box::new(error)),
    }
}

/// The package whose name or whose binary's name is closest to `name`, if it is close at all.
fn similar(name: &str, packages: &[&Package]) -> Option<String> {
    let names = packages.iter().flat_map(|package| {
        let own = (package.name.as_str(), package.name.as_str());
        let bins = package.targets.iter().filter(|target| target.is_bin());
        std::iter::once(own).chain(bins.map(|bin| (bin.name.as_str(), package.name.as_str())))
    });
    names
        .map(|(text, package)| (strsim::damerau_levenshtein(text, name), package))
        .filter(|(distance, _)| *distance <= name.len().max(3) / 3)
        .min()
        .map(|(_, package)| package.to_owned())
}

/// The chosen binaries of a package without duplicates, the first one separately.
fn binaries(package: &Package, chosen: &[String]) -> Result<(String, Vec<String>), WorkspaceError> {
    let mut chosen = chosen.iter();
    let first = binary(package, chosen.next().map(String::as_str))?;
    let mut more = Vec::new();
    for name in chosen {
        let name = binary(package, Some(name))?;
        if name != first && !more.contains(&name) {
            more.push(name);
        }
    }
    Ok((first, more))
}

fn binary(package: &Package, chosen: Option<&str>) -> Result<String, WorkspaceError> {
    let bins: Vec<&str> = bins(package).collect();
    let name = || package.name.to_string();
    let chosen = chosen.or(package.default_run.as_deref());
    match (chosen, &bins[..]) {
        (_, []) => Err(WorkspaceError::NoBinary { package: name() }),
        (Some(wanted), bins) if bins.contains(&wanted) => Ok(wanted.to_owned()),
        (Some(wanted), bins) => Err(WorkspaceError::NoSuchBinary {
            package: name(),
            wanted: wanted.to_owned(),
            available: quoted(bins),
        }),
        (None, [only]) => Ok((*only).to_owned()),
        (None, bins) => Err(WorkspaceError::SeveralBinaries {
            package: name(),
            available: quoted(bins),
        }),
    }
}

fn bins(package: &Package) -> impl Iterator<Item = &str> {
    let targets = package.targets.iter();
    let bins = targets.filter(|target| target.is_kind(TargetKind::Bin));
    bins.map(|target| target.name.as_str())
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
