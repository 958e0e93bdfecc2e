//! The image of a deploy: built and pushed by imagebuilder, or given by digest.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use cli::{Exit, ExitError, Printer};
use thiserror::Error;

use crate::args::{Destination, Source};
use crate::aws::{self, AwsError};
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
                "leave it out to build all of them, or name the others by their digests in the overlay"
                    .to_owned(),
            ),
            Self::Aws(error) => error.hint(),
            Self::Manifests(error) => error.hint(),
            Self::Build(_) => None,
        }
    }
}

/// Replaces `cargo://app` in the manifests by an image with its digest.
pub(crate) fn resolve(
    printer: Printer,
    manifests: &Manifests,
    source: &Source,
) -> Result<Manifests, ImageError> {
    let yaml = if let Some(image) = &source.destination.image {
        replaced(&manifests.yaml, image.as_ref())?
    } else {
        let repo = repository(&source.destination)?;
        printer.status(&format!("Building and pushing to {repo}"));
        let args = ["resolve", "-f", "-"];
        imagebuilder(source, &repo, &args, &manifests.yaml)?
    };
    Ok(Manifests::parse("the resolved manifests", yaml)?)
}

/// Manifests with an image in the place of the service's.
fn replaced(yaml: &str, image: &str) -> Result<String, ImageError> {
    // What may follow is of another name: of a package, or of one of its binaries.
    let is_of_name = |next: char| next.is_alphanumeric() || "_-./#@:".contains(next);
    let mut text = String::new();
    let mut others = Vec::new();
    let mut rest = yaml;
    while let Some(at) = rest.find(SCHEME) {
        let (before, found) = rest.split_at(at);
        let path = &found[SCHEME.len()..];
        let end = path.find(|next| !is_of_name(next)).unwrap_or(path.len());
        let (name, after) = found.split_at(SCHEME.len() + end);
        text.push_str(before);
        if name == SERVICE {
            text.push_str(image);
        } else {
            text.push_str(name);
            others.push(name.to_owned());
        }
        rest = after;
    }
    text.push_str(rest);
    if others.is_empty() {
        return Ok(text);
    }
    others.dedup();
    let image = image.to_owned();
    Err(ImageError::Others { image, others })
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
    use super::*;

    const IMAGE: &str = "r.example/app@sha256:0";

    #[test]
    fn an_image_replaces_that_of_the_service_everywhere() {
        let yaml = "image: cargo://app\n- image: \"cargo://app\" # twice\n- x: cargo://app";
        let expected = yaml.replace("cargo://app", IMAGE);
        assert_eq!(replaced(yaml, IMAGE).unwrap(), expected);
        assert_eq!(
            replaced("kind: Service\n", IMAGE).unwrap(),
            "kind: Service\n"
        );
    }

    #[test]
    fn an_image_is_refused_if_the_manifests_name_other_packages() {
        let yaml = "image: cargo://app\nimage: cargo://app-worker\nimage: cargo://app#tool\n";
        let error = replaced(yaml, IMAGE).unwrap_err();
        assert_eq!(
            error.to_string(),
            "r.example/app@sha256:0 replaces only cargo://app, and the manifests also name \
             cargo://app-worker, cargo://app#tool"
        );
        assert!(error.hint().is_some());
    }
}
