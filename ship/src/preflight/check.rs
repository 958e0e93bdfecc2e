//! The check of an overlay: queries the cluster, warns of what may go wrong, and fails for what will.

use cli::Printer;

use super::facts::Facts;
use super::requirements::problems;
use super::{PreflightError, Problem, subnets};
use crate::args::Overlay;
use crate::kubectl::Kubectl;
use crate::manifests::Manifests;

/// Checks a cluster for an overlay, without changing anything. If the names of the EKS cluster and its region
/// are given, its subnets too.
pub(crate) fn check(
    printer: Printer,
    kubectl: &Kubectl,
    overlay: &Overlay,
    region: Option<&str>,
    manifests: &Manifests,
) -> Result<(), PreflightError> {
    let objects = &manifests.objects;
    let facts = Facts::gather(kubectl, manifests)?;
    let folder = &overlay.folder;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut problems = problems(&name, objects, &facts);
    if !matches!(problems[..], [Problem::WrongCluster { .. }])
        && let Some((cluster, region)) = overlay.changes.cluster.as_ref().zip(region)
    {
        problems.extend(subnets::problems(cluster.as_ref(), region, objects));
    }
    let (fatal, warnings): (Vec<_>, Vec<_>) = problems.into_iter().partition(Problem::is_fatal);
    for warning in warnings {
        printer.warn(&format!("{warning}; {}", warning.hint()));
    }
    if fatal.is_empty() {
        return Ok(());
    }
    Err(PreflightError::Problems {
        overlay: folder.display().to_string(),
        context: kubectl.context().to_owned(),
        problems: fatal,
    })
}
