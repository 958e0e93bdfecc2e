//! The image of a deploy: built and pushed by imagebuilder, or given by digest.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use cli::{Exit, ExitError, Printer};
use serde_json::Value;
use thiserror::Error;

use crate::args::{Destination, Source};
use crate::aws::{self, AwsError};
use crate::kustomize;
use crate::manifests::{ManifestError, Manifests};

/// The start of the names that imagebuilder resolves.
const SCHEME: &str = "cargo://";
/// The name of the service's image, which an existing image can replace.
const SERVICE: &str = "cargo://app";

/// Why there is no image to deploy.
#[derive(Debug, Error)]
pub(crate) enum ImageError {
    /// Neither an image nor a registry is given.
    #[error("neither a registry nor an image is given")]
    NoDestination,
    /// The registry of the AWS account is not known.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// imagebuilder could not be started.
    #[error("cannot run {}", program.display())]
    Start {
        /// Its path.
        program: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// imagebuilder failed, and has printed its error.
    #[error("imagebuilder did not build and push the image ({0})")]
    Build(ExitStatus),
    /// An image is given, and the manifests need others, too.
    #[error("{image} replaces only {SERVICE}, and the manifests also name {}", others.join(", "))]
    Others {
        /// The image.
        image: String,
        /// What imagebuilder would resolve.
        others: Vec<String>,
    },
    /// imagebuilder's output is invalid.
    #[error(transparent)]
    Manifests(#[from] ManifestError),
}

impl ExitError for ImageError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoDestination | Self::Start { .. } | Self::Others { .. } => Exit::Usage,
            Self::Aws(error) => error.exit(),
            Self::Manifests(error) => error.exit(),
            Self::Build(status) => {
                let code = status.code().and_then(|code| u64::try_from(code).ok());
                code.map_or(Exit::Failed, Exit::from_code)
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoDestination => Some(
                "--region (REGION=) for ECR in your account, --repo (REPO=) for another registry, \
                 or --image (IMAGE=) for an existing image"
                    .to_owned(),
            ),
            Self::Start { .. } => Some(
                "`make build` compiles it: name it with --imagebuilder target/debug/imagebuilder"
                    .to_owned(),
            ),
            Self::Others { .. } => Some(
                "leave out IMAGE= (--image) to build all of them, or name the others by digest in the overlay"
                    .to_owned(),
            ),
            Self::Aws(error) => error.hint(),
            Self::Manifests(error) => error.hint(),
            Self::Build(_) => None,
        }
    }
}

/// Replaces the `cargo://` names in the manifests with images by digest.
pub(crate) fn resolve(
    printer: Printer,
    manifests: &Manifests,
    source: &Source,
) -> Result<Manifests, ImageError> {
    let yaml = if let Some(image) = &source.destination.image {
        let mut objects = manifests.objects.clone();
        replace(&mut objects, image.as_ref())?;
        kustomize::print(&objects).map_err(ManifestError::from)?
    } else {
        let repo = repository(&source.destination)?;
        printer.status(&format!("Building and pushing to {repo}"));
        let args = ["resolve", "-f", "-"];
        imagebuilder(source, &repo, &args, &manifests.yaml)?
    };
    Ok(Manifests::parse("the resolved manifests", yaml)?)
}

/// Replaces the service's name by an image. Like imagebuilder, it looks at whole strings: others may be prose.
fn replace(objects: &mut [Value], image: &str) -> Result<(), ImageError> {
    let mut others = BTreeSet::new();
    for object in objects {
        replace_in(object, image, &mut others);
    }
    if others.is_empty() {
        return Ok(());
    }
    Err(ImageError::Others {
        image: image.to_owned(),
        others: others.into_iter().collect(),
    })
}

fn replace_in(value: &mut Value, image: &str, others: &mut BTreeSet<String>) {
    match value {
        Value::String(name) if name == SERVICE => image.clone_into(name),
        Value::String(name) if name.starts_with(SCHEME) => {
            others.insert(name.clone());
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| replace_in(value, image, others)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|value| replace_in(value, image, others)),
        _ => {}
    }
}

/// Refuses a command line with neither an image nor a registry before the cluster is queried.
pub(crate) fn check(source: &Source) -> Result<(), ImageError> {
    let Destination {
        repo,
        region,
        image,
    } = &source.destination;
    let named = image.is_some() || repo.is_some() || region.is_some();
    named.then_some(()).ok_or(ImageError::NoDestination)
}

/// Builds and pushes one package's image, and returns its reference with the digest.
pub(crate) fn build(
    printer: Printer,
    package: &str,
    source: &Source,
) -> Result<String, ImageError> {
    if let Some(image) = &source.destination.image {
        return Ok(image.as_ref().to_owned());
    }
    let repo = repository(&source.destination)?;
    printer.status(&format!("Building and pushing {package} to {repo}"));
    let reference = imagebuilder(source, &repo, &["build", package], "")?;
    Ok(reference.trim().to_owned())
}

/// The ECR registry in the region, if images are pushed there.
pub(crate) fn registry(destination: &Destination) -> Result<Option<String>, ImageError> {
    match destination {
        Destination {
            repo: None,
            image: None,
            region: Some(region),
        } => Ok(Some(aws::registry(region)?)),
        _ => Ok(None),
    }
}

/// The registry that images are pushed to.
fn repository(destination: &Destination) -> Result<String, ImageError> {
    match &destination.repo {
        Some(repo) => Ok(repo.to_string()),
        None => registry(destination)?.ok_or(ImageError::NoDestination),
    }
}

fn imagebuilder(
    source: &Source,
    repo: &str,
    args: &[&str],
    input: &str,
) -> Result<String, ImageError> {
    let start = |source_error| ImageError::Start {
        program: source.imagebuilder.clone(),
        source: source_error,
    };
    let mut command = Command::new(&source.imagebuilder);
    command.args(args);
    command.args(["--repo", repo, "--platform", &source.platform]);
    if let Some(file) = &source.ca_file {
        command.arg("--ca-file").arg(file);
    }
    // Registries other than ECR create a repository at the first push.
    if aws::is_ecr(repo) {
        command.arg("--create-repository");
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(start)?;
    let mut stdin = child.stdin.take().expect("stdin is a pipe, as set above");
    // It reads all of its input first. If it exits early, it prints its own error.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(start)?;
    if !output.status.success() {
        return Err(ImageError::Build(output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const IMAGE: &str = "r.example/app@sha256:0";

    #[test]
    fn an_image_replaces_that_of_the_service_everywhere() {
        let object =
            |image: &str| json!({"a": [{"image": image}], "b": image, "c": "see cargo://app"});
        let mut objects = [object("cargo://app")];
        replace(&mut objects, IMAGE).unwrap();
        assert_eq!(objects, [object(IMAGE)]);
    }

    #[test]
    fn an_image_is_refused_if_the_manifests_name_other_packages() {
        let names = [
            "cargo://worker",
            "cargo://app",
            "cargo://app-worker",
            "cargo://worker",
        ];
        let error = replace(&mut [json!(names)], IMAGE).unwrap_err();
        assert_eq!(
            error.to_string(),
            "r.example/app@sha256:0 replaces only cargo://app, and the manifests also name \
             cargo://app-worker, cargo://worker"
        );
        assert!(error.hint().is_some());
    }
}
