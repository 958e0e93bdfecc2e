//! `imagebuilder verify --rebuild`: builds an image again from the source that its provenance names.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser as _;

use super::context::Context;
use super::rebuild_error::RebuildError;
use super::source::{Image, images, only};
use super::{CommandError, build, diff};
use crate::args::{self, Cli, Verify};
use crate::attest::{self, Recorded};
use crate::image_source::ImageSource;
use crate::key::PublicKey;
use crate::place::{Local, Output, Place, Store};

/// The schemes that are passed to git: for some others it would run commands.
const SCHEMES: [&str; 5] = ["https", "http", "ssh", "git", "file"];

/// Builds `image` again in a directory of its own, and reports how it differs.
pub(super) fn rebuild(
    context: &Context,
    args: &Verify,
    source: &ImageSource,
    image: &Image,
    key: Option<&PublicKey>,
) -> Result<(), CommandError> {
    let failed = |source| CommandError::Rebuild {
        name: image.name.clone(),
        source,
    };
    let original = image.root.digest;
    let recorded = attest::recorded(source, &image.root, key);
    let recorded = recorded.map_err(|error| failed(error.into()))?;
    let recorded = recorded.ok_or_else(|| {
        failed(RebuildError::NoProvenance {
            digest: original,
            signed: key.is_some(),
        })
    })?;
    let refused = |problem: String| {
        failed(RebuildError::Refused {
            digest: original,
            problem,
        })
    };
    let mut command = arguments(&recorded).map_err(refused)?;
    let directory = tempfile::tempdir();
    let directory = directory.map_err(|error| failed(RebuildError::Directory(error)))?;
    let checkout = directory.path().join("source");
    let repository = match &args.source_repository {
        Some(path) => path.display().to_string(),
        None => repository(&recorded.source.uri).map_err(refused)?,
    };
    let commit = &recorded.source.digest.git_commit;
    context
        .printer
        .status(&format!("Checking out {commit} of {repository}"));
    check_out(&repository, commit, &checkout).map_err(failed)?;
    let layout = directory.path().join("images");
    command.image.manifest_path = Some(manifest(&checkout, &recorded).map_err(refused)?);
    command.image.cargo.locked = true;
    command.image.destinations.output = vec![Output::Local(Local {
        store: Store::Layout(layout.clone()),
        image: None,
    })];
    build::images(context, &command)?;

    let place = Place::Local(Local {
        store: Store::Layout(layout),
        image: None,
    });
    let (rebuilt_source, rebuilt) = images(context, &place, &args.registry)?;
    let rebuilt = only(&place, &rebuilt)?;
    if rebuilt.root.digest == original {
        context.printer.status(&format!(
            "Rebuilding commit {commit} gives the same {original}"
        ));
        return Ok(());
    }
    let differences = diff::compare((source, image), (&rebuilt_source, rebuilt));
    let text = crate::diff::text(&differences?);
    let written = context.printer.data_raw(text.as_bytes());
    written.map_err(CommandError::Stdout)?;
    Err(failed(RebuildError::Differ {
        original,
        rebuilt: rebuilt.root.digest,
    }))
}

/// The recorded command, which must only build, without delivering the image anywhere.
fn arguments(recorded: &Recorded) -> Result<args::Build, String> {
    let line = std::iter::once("imagebuilder".to_owned()).chain(recorded.arguments.iter().cloned());
    let cli = Cli::try_parse_from(line).map_err(|error| {
        let text = error.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    })?;
    let args::Command::Build(build) = cli.command else {
        return Err("its command is not `build`".to_owned());
    };
    let image = &build.image;
    let destinations = &image.destinations;
    let elsewhere = !destinations.output.is_empty()
        || destinations.repo.is_some()
        || image.manifest_path.is_some()
        || image.sbom_dir.is_some()
        || image.attestation.sign_key.is_some();
    if elsewhere {
        return Err("its arguments name files or destinations of another machine".to_owned());
    }
    Ok(build)
}

/// The URL of a source for git.
fn repository(uri: &str) -> Result<String, String> {
    let url = uri.strip_prefix("git+").unwrap_or_default();
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some(scheme) if SCHEMES.contains(&scheme) => Ok(url.to_owned()),
        _ => Err(format!(
            "`{uri}` is not a git repository that can be cloned"
        )),
    }
}

/// The manifest of the workspace, which is in the checkout.
fn manifest(checkout: &Path, recorded: &Recorded) -> Result<PathBuf, String> {
    let directory = Path::new(&recorded.directory);
    let plain = |part| matches!(part, std::path::Component::Normal(_));
    if !directory.components().all(plain) {
        return Err(format!(
            "`{}` is not a directory of the source",
            recorded.directory
        ));
    }
    Ok(checkout.join(directory).join("Cargo.toml"))
}

fn check_out(repository: &str, commit: &str, into: &Path) -> Result<(), RebuildError> {
    let failed = |problem: String| RebuildError::Checkout {
        commit: commit.to_owned(),
        repository: repository.to_owned(),
        problem,
    };
    let hex = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex || commit.len() < 40 {
        return Err(failed("it is not the digest of a commit".to_owned()));
    }
    let mut clone = Command::new("git");
    clone
        .args(["clone", "--quiet", "--no-checkout", "--", repository])
        .arg(into);
    let mut checkout = Command::new("git");
    checkout
        .arg("-C")
        .arg(into)
        .args(["checkout", "--quiet", "--detach", commit]);
    for mut command in [clone, checkout] {
        let output = command.output().map_err(RebuildError::Git)?;
        if !output.status.success() {
            let problem = String::from_utf8_lossy(&output.stderr);
            return Err(failed(problem.trim().to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(arguments: &[&str], directory: &str) -> Recorded {
        let json = serde_json::json!({
            "source": {"uri": "git+https://example.com/x", "digest": {"gitCommit": "0".repeat(40)}},
            "directory": directory,
            "arguments": arguments,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn provenance_that_would_do_more_than_build_is_refused() {
        let check = |arguments_given: &[&str], expected: &str| {
            let error = arguments(&recorded(arguments_given, "")).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(&["push", "oci:x", "example.com/x:y"], "is not `build`");
        let elsewhere = "name files or destinations of another machine";
        check(&["build", "--repo", "example.com/x"], elsewhere);
        check(&["build", "--output", "oci:/x"], elsewhere);
        check(&["build", "--sbom-dir", "/x"], elsewhere);
        check(&["build", "--no-such-flag"], "--no-such-flag");
        assert!(arguments(&recorded(&["build", "x@1.0.0", "--", "--timings"], "")).is_ok());
        for uri in [
            "git+ext::sh -c x",
            "ext::sh",
            "git+--upload-pack=x",
            "https://x",
        ] {
            assert!(repository(uri).is_err(), "{uri}");
        }
        assert_eq!(repository("git+https://x/y").unwrap(), "https://x/y");
        for directory in ["../x", "/x", "a/../b"] {
            assert!(manifest(Path::new("/c"), &recorded(&[], directory)).is_err());
        }
        let inside = manifest(Path::new("/c"), &recorded(&[], "a/b")).unwrap();
        assert_eq!(inside, Path::new("/c/a/b/Cargo.toml"));
    }
}
