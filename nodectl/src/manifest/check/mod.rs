//! Checks manifests as a whole, before anything is created: by the API server's rules for objects,
//! and for what one machine cannot do.
//!
//! The rules follow `pkg/apis/{core,apps}/validation` of Kubernetes 1.36. Names, enumerations and
//! types are checked earlier, when a manifest is read.

mod container;
mod deployment;
mod pod;
mod probe;
mod problems;
mod security;
mod service;

use std::collections::BTreeSet;

use problems::Problems;

use super::{Desired, Objects, Warning};

/// Manifests that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is nothing to run.
    #[error("the manifests have no Deployment")]
    NoDeployment,
    /// Two objects have one name.
    #[error("{kind} `{namespace}/{name}` is defined twice")]
    Duplicate {
        /// Their kind.
        kind: &'static str,
        /// Their namespace.
        namespace: String,
        /// Their name.
        name: String,
    },
    /// Fields of an object have values that they cannot have.
    #[error("{object}: {}", .problems.join("; "))]
    Invalid {
        /// The object.
        object: String,
        /// The fields' paths, each with what is wrong.
        problems: Vec<String>,
    },
    /// An image is named by the package it is to be built from.
    #[error("Deployment `{deployment}`: container `{container}`: image `{image}` is not resolved")]
    Unresolved {
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
    let mut names = BTreeSet::new();
    for (raw, template) in &objects.deployments {
        let mut problems = Problems::new("Deployment", &raw.metadata.name);
        let checked = deployment::check(raw, template, &mut problems)?;
        warnings.extend(problems.finish()?);
        unique(&mut names, "Deployment", &checked.namespace, &checked.name)?;
        desired.deployments.push(checked);
    }
    if desired.deployments.is_empty() {
        return Err(CheckError::NoDeployment);
    }
    for raw in &objects.services {
        let mut problems = Problems::new("Service", &raw.metadata.name);
        let checked = service::check(raw, &desired.deployments, &mut problems);
        warnings.extend(problems.finish()?);
        unique(&mut names, "Service", &checked.namespace, &checked.name)?;
        if !checked.selector.is_empty() && !checked.ports.is_empty() {
            desired.services.push(checked);
        }
    }
    Ok((desired, warnings))
}

fn unique(
    names: &mut BTreeSet<(&'static str, String, String)>,
    kind: &'static str,
    namespace: &str,
    name: &str,
) -> Result<(), CheckError> {
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    if names.insert((kind, namespace.clone(), name.clone())) {
        Ok(())
    } else {
        Err(CheckError::Duplicate {
            kind,
            namespace,
            name,
        })
    }
}

/// The namespace of an object that names none.
const DEFAULT_NAMESPACE: &str = "default";

fn namespace(named: Option<&super::DnsLabel>) -> String {
    named.map_or_else(|| DEFAULT_NAMESPACE.to_owned(), ToString::to_string)
}
