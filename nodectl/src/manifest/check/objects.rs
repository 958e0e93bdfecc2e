//! Checks the objects of all manifests, one by one and against each other.

use super::error::CheckError;
use super::names::Names;
use super::problems::Problems;
use super::{deployment, service, standard};
use crate::manifest::{Desired, Located, Objects, Warning};

/// Checks the objects one by one and against each other.
///
/// # Errors
/// As [`CheckError`], for the first object that is invalid.
pub fn check(objects: &Objects) -> Result<(Desired, Vec<Warning>), CheckError> {
    let mut warnings = Vec::new();
    let mut desired = Desired::default();
    let mut names = Names::default();
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
        names.add(origin, "Deployment", &checked.namespace, &checked.name)?;
        desired.deployments.push(checked);
    }
    if desired.deployments.is_empty() {
        return Err(no_deployment(objects));
    }
    for Located { origin, object } in &objects.services {
        let mut problems = Problems::new(origin, "Service", &object.metadata.name);
        let checked = service::check(object, &desired.deployments, &mut problems);
        warnings.extend(problems.finish()?);
        names.add(origin, "Service", &checked.namespace, &checked.name)?;
        if !checked.selector.is_empty() && !checked.ports.is_empty() {
            desired.services.push(checked);
        }
    }
    Ok((desired, warnings))
}

fn no_deployment(objects: &Objects) -> CheckError {
    let services = objects.services.iter();
    let services = services.map(|of| format!("Service `{}`", of.object.metadata.name));
    CheckError::NoDeployment {
        found: objects.others.iter().cloned().chain(services).collect(),
    }
}
