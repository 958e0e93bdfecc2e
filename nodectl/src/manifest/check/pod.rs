//! Checks a pod template.

use super::container;
use super::error::CheckError;
use super::problems::Problems;
use super::security::{seccomp, user_id};
use crate::manifest::{Medium, PodTemplate};

pub(super) const SPEC: &str = "spec.template.spec";

/// The prefix of the annotations that select a container's AppArmor profile
/// (<https://kubernetes.io/docs/tutorials/security/apparmor/>).
pub(super) const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

pub(super) fn check(
    deployment: &str,
    template: &PodTemplate,
    problems: &mut Problems,
) -> Result<(), CheckError> {
    let spec = &template.spec;
    for (key, profile) in &template.metadata.annotations {
        if key.starts_with(APPARMOR_ANNOTATION) && profile != "unconfined" {
            let path = format!("spec.template.metadata.annotations[{key}]");
            problems.add(&path, "this security profile cannot be applied here");
        }
    }
    if spec.containers.is_empty() {
        problems.add(
            &format!("{SPEC}.containers"),
            "at least one container is required",
        );
    }
    if spec
        .restart_policy
        .as_deref()
        .is_some_and(|policy| policy != "Always")
    {
        problems.add(
            &format!("{SPEC}.restartPolicy"),
            "a Deployment's pods can only have Always",
        );
    }
    let security = &spec.security_context;
    let path = format!("{SPEC}.securityContext");
    let mut ids = vec![
        ("runAsUser".to_owned(), security.run_as_user),
        ("runAsGroup".to_owned(), security.run_as_group),
        ("fsGroup".to_owned(), security.fs_group),
    ];
    for (index, group) in security.supplemental_groups.iter().enumerate() {
        ids.push((format!("supplementalGroups[{index}]"), Some(*group)));
    }
    for (field, id) in ids {
        user_id(&format!("{path}.{field}"), id, problems);
    }
    seccomp(&path, security.seccomp_profile.as_ref(), problems);
    for (index, volume) in spec.volumes.iter().enumerate() {
        if volume.empty_dir.medium == Medium::Disk && volume.empty_dir.size_limit.is_some() {
            let path = format!("{SPEC}.volumes[{index}].emptyDir.sizeLimit");
            problems.warn(&path, "only enforced for the medium Memory");
        }
    }
    problems.unique(
        spec.volumes.iter().map(|volume| &volume.name).enumerate(),
        |index| format!("{SPEC}.volumes[{index}].name"),
    );
    problems.unique(
        spec.containers.iter().map(|one| &one.name).enumerate(),
        |index| format!("{SPEC}.containers[{index}].name"),
    );
    for (index, spec) in spec.containers.iter().enumerate() {
        let path = format!("{SPEC}.containers[{index}]");
        container::check(deployment, &path, spec, template, problems)?;
    }
    Ok(())
}
