//! Checks manifests as a whole, before anything is created: by the API server's rules for objects, and
//! by the limits of one machine.
//!
//! The rules follow `pkg/apis/{core,apps}/validation` of Kubernetes 1.36. Names, enumerations and
//! types are checked earlier, when a manifest is parsed.

mod container;
mod deployment;
mod pod;
mod probe;
mod problems;
mod security;
mod service;
mod standard;

use std::collections::BTreeMap;

use problems::Problems;

use super::{Desired, Located, Objects, Warning};

/// Manifests that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is no Deployment to run.
    #[error("the manifests have no Deployment{}", only(.found))]
    NoDeployment {
        /// The objects that were found.
        found: Vec<String>,
    },
    /// Two objects have the same name.
    #[error("{origin}: {kind} `{namespace}/{name}` is {}", also_in(.first, .origin))]
    Duplicate {
        /// The file of the second one.
        origin: String,
        /// The file of the first one.
        first: String,
        /// Their kind.
        kind: &'static str,
        /// Their namespace.
        namespace: String,
        /// Their name.
        name: String,
    },
    /// Fields of an object have invalid values.
    #[error("{origin}: {object}: {}", .problems.join("; "))]
    Invalid {
        /// The file.
        origin: String,
        /// The object.
        object: String,
        /// The fields' paths, each with its problem.
        problems: Vec<String>,
    },
    /// An image is named by the package that it is built from.
    #[error(
        "{origin}: Deployment `{deployment}`: container `{container}`: image `{image}` is not resolved"
    )]
    Unresolved {
        /// The file.
        origin: String,
        /// The Deployment.
        deployment: String,
        /// The container.
        container: String,
        /// The image's name.
        image: String,
    },
}

/// Checks the objects one by one and against each other.
///
/// # Errors
/// As [`CheckError`], for the first object that is invalid.
pub fn check(objects: &Objects) -> Result<(Desired, Vec<Warning>), CheckError> {
    let mut warnings = Vec::new();
    let mut desired = Desired::default();
    let mut names = Names::new();
    for Located { origin, object } in &objects.deployments {
        let (raw, template) = object;
        let mut problems = Problems::new(origin, "Deployment", &raw.metadata.name);
        let checked = deployment::check(raw, template, &mut problems)?;
        if let Some(standard) = objects.standards.get(&checked.namespace) {
            let namespace = &checked.namespace;
            standard::check(
                namespace,
                *standard,
                &checked.template,
                template,
                &mut problems,
            );
        }
        warnings.extend(problems.finish()?);
        let name = ("Deployment", &*checked.namespace, &*checked.name);
        unique(&mut names, origin, name)?;
        desired.deployments.push(checked);
    }
    if desired.deployments.is_empty() {
        let services = objects
            .services
            .iter()
            .map(|service| &*service.object.metadata.name);
        let services = services.map(|name| format!("Service `{name}`"));
        return Err(CheckError::NoDeployment {
            found: objects.others.iter().cloned().chain(services).collect(),
        });
    }
    for Located {
        origin,
        object: raw,
    } in &objects.services
    {
        let mut problems = Problems::new(origin, "Service", &raw.metadata.name);
        let checked = service::check(raw, &desired.deployments, &mut problems);
        warnings.extend(problems.finish()?);
        unique(
            &mut names,
            origin,
            ("Service", &checked.namespace, &checked.name),
        )?;
        if !checked.selector.is_empty() && !checked.ports.is_empty() {
            desired.services.push(checked);
        }
    }
    Ok((desired, warnings))
}

/// The file of each object, by kind, namespace and name.
type Names = BTreeMap<(&'static str, String, String), String>;

fn unique(
    names: &mut Names,
    origin: &str,
    (kind, namespace, name): (&'static str, &str, &str),
) -> Result<(), CheckError> {
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let key = (kind, namespace.clone(), name.clone());
    match names.insert(key, origin.to_owned()) {
        None => Ok(()),
        Some(first) => Err(CheckError::Duplicate {
            origin: origin.to_owned(),
            first,
            kind,
            namespace,
            name,
        }),
    }
}

fn also_in(first: &str, origin: &str) -> String {
    if first == origin {
        return "defined twice".to_owned();
    }
    format!("in {first} too")
}

/// The most objects that are listed.
const MAX_LISTED: usize = 5;

fn only(found: &[String]) -> String {
    let Some((last, others)) = found.split_last() else {
        return String::new();
    };
    if found.len() > MAX_LISTED {
        let listed = found[..MAX_LISTED].join(", ");
        return format!(", only {listed} and {} more", found.len() - MAX_LISTED);
    }
    if others.is_empty() {
        return format!(", only {last}");
    }
    format!(", only {} and {last}", others.join(", "))
}

/// The namespace of an object without one.
const DEFAULT_NAMESPACE: &str = "default";

fn namespace(named: Option<&super::DnsLabel>) -> String {
    named.map_or_else(|| DEFAULT_NAMESPACE.to_owned(), ToString::to_string)
}
