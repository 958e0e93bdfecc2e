//! The model behind both formats.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};

use super::lock::Checksums;
use crate::purl;

/// The program that both formats name as the document's creator.
pub(super) const TOOL: (&str, &str) = ("imagebuilder", env!("CARGO_PKG_VERSION"));

/// The subject of a bill of materials.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The package of the binary.
    pub(crate) package: PackageId,
    /// The name of the binary.
    pub(crate) bin: String,
    /// The binary's SHA-256, in hexadecimal digits.
    pub(crate) sha256: String,
    /// The target that it was compiled for.
    pub(crate) triple: String,
    /// When it was created, as RFC 3339.
    pub(crate) created: String,
}

/// A bill of materials.
#[derive(Clone, Debug)]
pub(crate) struct Bom {
    pub(super) subject: Subject,
    /// The crates, the subject's own first, the others by name and version.
    pub(super) components: Vec<Component>,
}

/// A crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) version: String,
    /// An SPDX licence expression.
    pub(super) license: Option<String>,
    pub(super) description: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) origin: Origin,
    /// The SHA-256 of its archive, in hexadecimal digits.
    pub(super) checksum: Option<String>,
    /// The components that it uses, by their index in the list.
    pub(super) uses: Vec<usize>,
}

/// The origin of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// crates.io.
    CratesIo,
    /// Another registry: its index.
    Registry(String),
    /// A git repository at a commit, as `git+URL@COMMIT`.
    Git(String),
    /// The workspace, or a path beside it.
    Path,
}

impl Origin {
    fn of(package: &Package) -> Self {
        let Some(source) = &package.source else {
            return Self::Path;
        };
        if source.is_crates_io() {
            return Self::CratesIo;
        }
        let text = source.repr.as_str();
        if let Some(git) = text.strip_prefix("git+") {
            let (address, commit) = git.split_once('#').unwrap_or((git, ""));
            let address = address
                .split_once('?')
                .map_or(address, |(before, _)| before);
            return Self::Git(format!("git+{address}@{commit}"));
        }
        let index = text.split_once('+').map_or(text, |(_, index)| index);
        Self::Registry(index.to_owned())
    }
}

impl Component {
    fn of(package: &Package, checksums: &Checksums) -> Self {
        let name = package.name.to_string();
        let version = package.version.to_string();
        let source = package.source.as_ref().map(|source| source.repr.as_str());
        let checksum = source.and_then(|source| checksums.get(&name, &version, source));
        Self {
            license: package.license.as_deref().and_then(expression),
            description: package.description.as_deref().map(one_line),
            repository: package.repository.clone(),
            origin: Origin::of(package),
            checksum: checksum.map(str::to_owned),
            uses: Vec::new(),
            name,
            version,
        }
    }

    /// Its package URL.
    pub(super) fn purl(&self) -> String {
        let qualifier = match &self.origin {
            Origin::CratesIo | Origin::Path => None,
            Origin::Registry(index) => Some(("repository_url", index.as_str())),
            Origin::Git(address) => Some(("vcs_url", address.as_str())),
        };
        purl::cargo(&self.name, &self.version, qualifier)
    }

    /// The download URL of its archive.
    pub(super) fn download(&self) -> Option<String> {
        match &self.origin {
            Origin::CratesIo => Some(format!(
                "https://static.crates.io/crates/{0}/{0}-{1}.crate",
                self.name, self.version
            )),
            Origin::Git(address) => Some(address.clone()),
            Origin::Registry(_) | Origin::Path => None,
        }
    }
}

impl Bom {
    /// The bill of materials of a binary, from Cargo's dependency graph for its target and the packages that
    /// Cargo compiled for that target.
    ///
    /// `None` if `metadata` has no such package, or no dependency graph.
    pub(crate) fn new(
        subject: Subject,
        metadata: &Metadata,
        compiled: &BTreeSet<PackageId>,
        checksums: &Checksums,
    ) -> Option<Self> {
        let packages: BTreeMap<&PackageId, &Package> = metadata
            .packages
            .iter()
            .map(|package| (&package.id, package))
            .collect();
        let nodes: BTreeMap<&PackageId, Vec<&PackageId>> = metadata
            .resolve
            .as_ref()?
            .nodes
            .iter()
            .map(|node| {
                let linked = node.deps.iter().filter(|dependency| {
                    let mut kinds = dependency.dep_kinds.iter();
                    let normal = kinds.any(|kind| kind.kind == DependencyKind::Normal);
                    normal && compiled.contains(&dependency.pkg)
                });
                (&node.id, linked.map(|dependency| &dependency.pkg).collect())
            })
            .collect();
        let root = packages.get_key_value(&subject.package)?.0;
        let mut reached = BTreeSet::from([*root]);
        let mut open = vec![*root];
        while let Some(id) = open.pop() {
            for next in nodes.get(id)? {
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        let mut order: Vec<&PackageId> = reached.into_iter().collect();
        order.sort_by_key(|id| {
            let package = packages[id];
            (id != root, &package.name, &package.version, *id)
        });
        let place: BTreeMap<&PackageId, usize> = order.iter().copied().zip(0..).collect();
        let components = order.iter().map(|id| {
            let mut component = Component::of(packages[id], checksums);
            component.uses = nodes[id].iter().map(|next| place[next]).collect();
            component.uses.sort_unstable();
            component
        });
        let components = components.collect();
        Some(Self {
            subject,
            components,
        })
    }
}

/// A licence as an SPDX expression; Cargo also accepted a slash for `OR`. `None` if it is not an expression.
fn expression(license: &str) -> Option<String> {
    let text = license.replace('/', " OR ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-.+():".contains(c);
    let valid = !words.is_empty() && words.iter().all(|word| word.chars().all(allowed));
    valid.then(|| words.join(" "))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A bill of three crates: `app` uses `base64` and a fork.
    pub(in crate::sbom) fn example() -> Bom {
        let component = |name: &str, origin: Origin, uses: &[usize]| Component {
            name: name.to_owned(),
            version: "1.0.0+b.2".to_owned(),
            license: Some("MIT OR Apache-2.0".to_owned()),
            description: Some("What it is".to_owned()),
            repository: Some("https://example.com/repository".to_owned()),
            checksum: (origin == Origin::CratesIo).then(|| "ab".repeat(32)),
            origin,
            uses: uses.to_vec(),
        };
        let git = "git+https://example.com/fork.git@0123abcd".to_owned();
        Bom {
            subject: Subject {
                package: PackageId {
                    repr: "app".to_owned(),
                },
                bin: "hello".to_owned(),
                sha256: "cd".repeat(32),
                triple: "x86_64-unknown-linux-musl".to_owned(),
                created: "1970-01-01T00:00:00Z".to_owned(),
            },
            components: vec![
                component("app", Origin::Path, &[1, 2]),
                component("base64", Origin::CratesIo, &[]),
                component("fork", Origin::Git(git), &[1]),
            ],
        }
    }

    #[test]
    fn a_package_url_has_the_origin_of_a_crate() {
        let purls: Vec<_> = example().components.iter().map(Component::purl).collect();
        assert_eq!(
            purls,
            [
                "pkg:cargo/app@1.0.0%2Bb.2",
                "pkg:cargo/base64@1.0.0%2Bb.2",
                "pkg:cargo/fork@1.0.0%2Bb.2?vcs_url=git%2Bhttps://example.com/fork.git%400123abcd",
            ]
        );
    }

    #[test]
    fn a_licence_is_an_expression_or_nothing() {
        assert_eq!(expression("MIT/Apache-2.0").unwrap(), "MIT OR Apache-2.0");
        let both = "(MIT OR Apache-2.0) AND Unicode-3.0";
        assert_eq!(expression(both).unwrap(), both);
        assert_eq!(expression("see LICENSE; ask us"), None);
        assert_eq!(expression(""), None);
    }
}
