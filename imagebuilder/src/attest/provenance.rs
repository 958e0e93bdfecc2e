//! [SLSA provenance](https://slsa.dev/spec/v1.1/provenance): from which source, with which arguments and
//! from which dependencies an image was built.
//!
//! It contains neither a time nor a machine, so the same build of the same source gives the same statement.

use std::collections::BTreeSet;

use cargo_metadata::PackageId;
use clap::ValueEnum as _;
use oci::{Descriptor, Digest, Platform};
use serde::Deserialize;
use serde_json::{Value, json};

use super::statement::Statement;
use crate::checkout::Checkout;
use crate::options::{CargoOptions, Options};
use crate::package_id::Identity;
use crate::toolchain::Toolchain;
use crate::workspace::Service;

/// The type of the predicate.
pub(super) const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// The build type, which defines the parameters: `imagebuilder ARGUMENTS` in the directory of the source.
pub(super) const BUILD_TYPE: &str = "urn:imagebuilder:build:v1";

/// The facts about a build.
pub(crate) struct Provenance<'a> {
    pub(crate) checkout: &'a Checkout,
    pub(crate) service: &'a Service,
    /// The platforms that it was built for.
    pub(crate) platforms: &'a [Platform],
    pub(crate) options: &'a Options,
    pub(crate) toolchain: &'a Toolchain,
    /// The packages that Cargo compiled, those of build scripts and macros too.
    pub(crate) packages: &'a BTreeSet<PackageId>,
    /// The text of Cargo.lock.
    pub(crate) lock: &'a str,
    /// Other outputs of the build, such as bills of materials.
    pub(crate) byproducts: &'a [Descriptor],
    /// The builder.
    pub(crate) builder: &'a str,
}

impl Provenance<'_> {
    /// The statement about `subjects`: the image called `name`, and its manifests.
    pub(crate) fn statement(
        &self,
        name: &str,
        subjects: &[Digest],
    ) -> Result<Statement, toml::de::Error> {
        let Checkout {
            uri,
            commit,
            directory,
            ..
        } = self.checkout;
        let source = json!({"uri": uri, "digest": {"gitCommit": commit}});
        let mut dependencies = vec![source.clone()];
        dependencies.extend(self.compiler());
        dependencies.extend(self.dependencies()?);
        let byproducts = self.byproducts.iter().map(|byproduct| {
            json!({
                "mediaType": byproduct.artifact_type,
                "digest": {"sha256": byproduct.digest.hex()},
            })
        });
        let predicate = json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "source": source,
                    "directory": directory,
                    "arguments": arguments(self.service, self.platforms, self.options),
                },
                "internalParameters": {},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {
                    "id": self.builder,
                    "version": {"imagebuilder": env!("CARGO_PKG_VERSION")},
                },
                "metadata": {},
                "byproducts": byproducts.collect::<Vec<_>>(),
            },
        });
        let subjects: Vec<_> = subjects
            .iter()
            .map(|digest| (Some(name), *digest))
            .collect();
        Ok(Statement::new(&subjects, PREDICATE_TYPE, predicate))
    }

    fn compiler(&self) -> Option<Value> {
        let (commit, release) = (self.toolchain.commit.as_ref()?, &self.toolchain.release);
        Some(json!({
            "name": "rustc",
            "uri": format!("pkg:generic/rust@{release}"),
            "digest": {"gitCommit": commit},
        }))
    }

    /// The crates, in the order of Cargo.lock, without those of the workspace, which are in the source.
    fn dependencies(&self) -> Result<Vec<Value>, toml::de::Error> {
        #[derive(Deserialize)]
        struct Lock {
            #[serde(default)]
            package: Vec<Locked>,
        }
        #[derive(Deserialize)]
        struct Locked {
            name: String,
            version: String,
            source: Option<String>,
            checksum: Option<String>,
        }
        let compiled: BTreeSet<Identity> =
            self.packages.iter().filter_map(Identity::parse).collect();
        let lock: Lock = toml::from_str(self.lock)?;
        let dependency = |package: Locked| {
            let source = package.source?;
            let identity = Identity::new(&package.name, &package.version, &source);
            if !compiled.contains(&identity) {
                return None;
            }
            let commit = source.rsplit_once('#').map(|(_, commit)| commit);
            let digest = match (package.checksum, commit) {
                (Some(checksum), _) => json!({"sha256": checksum}),
                (None, Some(commit)) => json!({"gitCommit": commit}),
                (None, None) => json!({}),
            };
            Some(json!({"name": package.name, "uri": identity.purl(), "digest": digest}))
        };
        Ok(lock.package.into_iter().filter_map(dependency).collect())
    }
}

/// The command line that builds the image again. Every option is either in it or has no effect on the
/// image's digest.
fn arguments(service: &Service, platforms: &[Platform], options: &Options) -> Vec<String> {
    let Options {
        platforms: _,
        created,
        compression,
        revision,
        auditable,
        cargo,
        deny_paths: _,
        sbom: _,
        attest: _,
        quiet: _,
        diagnostics_are_events: _,
        outputs: _,
    } = options;
    let CargoOptions {
        profile,
        arguments,
        locked: _,
        offline: _,
        frozen: _,
    } = cargo;
    let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    let mut line = vec![
        "build".to_owned(),
        format!("{}@{}", service.package, service.version),
    ];
    let mut option = |name: &str, value: &str| line.extend([name.to_owned(), value.to_owned()]);
    for bin in service.bins() {
        option("--bin", bin);
    }
    option("--platform", &platforms.join(","));
    option("--profile", profile);
    option("--source-date-epoch", &created.to_string());
    option("--compression", &compression.to_string());
    if let Some(base) = &service.settings.base {
        option("--base", &base.to_string());
    }
    if let Some(libc) = service.settings.libc {
        let value = libc.to_possible_value().expect("no value is skipped");
        option("--libc", value.get_name());
    }
    if let Some(revision) = revision {
        option("--revision", revision);
    }
    if !service.settings.features.is_empty() {
        option("--features", &service.settings.features.join(","));
    }
    if service.settings.no_default_features {
        line.push("--no-default-features".to_owned());
    }
    if !auditable {
        line.push("--no-auditable".to_owned());
    }
    if !arguments.is_empty() {
        line.push("--".to_owned());
        line.extend_from_slice(arguments);
    }
    line
}
