//! How each kind of a registry's error ends the program, and what to do about it.

use cli::{Exit, Verdict};
use oci::registry::{Problem, RegistryError};

use crate::registry::{EcrHost, PublishError};

/// The verdict on what went wrong with a request.
pub(super) fn verdict(error: &RegistryError) -> Verdict {
    let host = error.url.split('/').nth(2).unwrap_or_default();
    let ecr = EcrHost::parse(host);
    let exit = match &*error.problem {
        Problem::Credentials(error) if aws_is_unreachable(error) => Exit::Unreachable,
        Problem::Unreachable(_) | Problem::Status { status: 500.., .. } => Exit::Unreachable,
        Problem::Unauthorized { .. }
        | Problem::Credentials(_)
        | Problem::Challenge
        | Problem::Status {
            status: 401 | 403, ..
        } => Exit::Authentication,
        Problem::Mismatch(_) | Problem::OtherDigest { .. } => Exit::Mismatch,
        _ => Exit::Failed,
    };
    let hint = match (&*error.problem, &ecr, error.code()) {
        (Problem::Status { status: 404, .. }, Some(ecr), Some("NAME_UNKNOWN")) => Some(format!(
            "a repository of Amazon ECR must exist: give --create-repository, or run \
             `aws ecr create-repository --region {} --repository-name NAME`",
            ecr.region
        )),
        (_, Some(_), _) if exit == Exit::Authentication => Some(
            "`aws sts get-caller-identity` shows who you are; pushing needs \
             ecr:GetAuthorizationToken, and on the repository ecr:BatchCheckLayerAvailability, \
             ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload, \
             ecr:BatchGetImage and ecr:PutImage"
                .to_owned(),
        ),
        (_, None, _) if exit == Exit::Authentication => Some(format!(
            "`docker login {host}` gives credentials that can push there"
        )),
        (Problem::Unreachable(error), _, _) if is_certificate(error) => Some(
            "the registry's certificate is not from a known authority: give --ca-file".to_owned(),
        ),
        (Problem::Status { .. }, _, Some("TAG_INVALID" | "ImageTagAlreadyExistsException")) => {
            Some("the tag is another image and immutable: choose another --tag".to_owned())
        }
        (Problem::Status { status: 400, .. }, ..) if error.url.starts_with("http:") => Some(
            "the registry may want TLS, which one on this machine has with --ca-file".to_owned(),
        ),
        _ => None,
    };
    Verdict { exit, hint }
}

/// The verdict on what went wrong around requests; a request's own error is asked for itself.
pub(super) fn publish(error: &PublishError) -> Option<Verdict> {
    let exit = match error {
        PublishError::NotEcr { .. } | PublishError::File { .. } | PublishError::Reference(_) => {
            Exit::Usage
        }
        #[cfg(feature = "ecr")]
        PublishError::Ecr(error) if error.is_unreachable() => Exit::Unreachable,
        #[cfg(feature = "ecr")]
        PublishError::Ecr(_) => Exit::Authentication,
        PublishError::Registry { .. } | PublishError::Copy { .. } => return None,
    };
    Some(Verdict { exit, hint: None })
}

#[cfg(feature = "ecr")]
fn aws_is_unreachable(error: &oci::registry::CredentialError) -> bool {
    let cause = error.source.downcast_ref::<crate::registry::EcrError>();
    cause.is_some_and(crate::registry::EcrError::is_unreachable)
}

#[cfg(not(feature = "ecr"))]
fn aws_is_unreachable(_: &oci::registry::CredentialError) -> bool {
    false
}

/// Whether a connection failed by its certificate.
fn is_certificate(error: &impl std::fmt::Display) -> bool {
    let text = error.to_string();
    text.contains("certificate")
}
