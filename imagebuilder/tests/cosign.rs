//! cosign of both major versions beside us: each verifies what the other signed.
//!
//! Needs Go, by which `dev/cosign-build` builds cosign, `openssl` and `git`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

mod sandbox;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use test_registry::{Behaviour, TestRegistry};

use crate::sandbox::{QUIET, Run, Sandbox, tool};

/// cosign of a major version.
struct Cosign(PathBuf);

impl Cosign {
    fn of(major: &str) -> Self {
        let build = concat!(env!("CARGO_MANIFEST_DIR"), "/../dev/cosign-build");
        Self(tool(Path::new("/"), build, &[major]).trim().into())
    }

    /// Runs it in a sandbox, as its user's home, with the key's password.
    fn run(&self, sandbox: &Sandbox, args: &[&str]) -> Output {
        Command::new(&self.0)
            .args(args)
            .current_dir(sandbox.path())
            .env("HOME", sandbox.path())
            .env("DOCKER_CONFIG", sandbox.path())
            .env("COSIGN_PASSWORD", "password")
            .output()
            .unwrap()
    }

    fn verify(&self, sandbox: &Sandbox, key: &str, image: &str) -> Output {
        let args = ["verify", "--insecure-ignore-tlog", "--key", key, image];
        self.run(sandbox, &args)
    }
}

#[track_caller]
fn ok(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

/// A workspace that is a commit, and cosign's keys in it.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "cosign.key",
        include_str!("../../tests/fixtures/keys/cosign.key"),
    );
    sandbox.write(
        "cosign.pub",
        include_str!("../../tests/fixtures/keys/cosign.pub"),
    );
    sandbox
        .run(&["build", "hello", QUIET, "--output", "oci:img"])
        .reference();
    sandbox.write(
        ".gitignore",
        "*\n!*/\n!*.toml\n!*.rs\n!Cargo.lock\ntarget\nimg\n",
    );
    let script = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out other.key
        openssl pkey -in other.key -pubout -out other.pub
        git init -q .
        git remote add origin https://example.com/team/hello.git
        git add .
        git -c user.name=x -c user.email=x@example.com commit -qm 'A commit'";
    tool(sandbox.path(), "bash", &["-ec", script]);
    sandbox
}

fn imagebuilder(sandbox: &Sandbox, args: &[&str]) -> Run {
    let mut command = sandbox.command(args);
    command.env("COSIGN_PASSWORD", "password");
    let run = Run::of(sandbox.path(), command.output().unwrap());
    assert_eq!(run.code, Some(0), "{args:?}: {}", run.stderr);
    run
}

fn registry(referrers: bool) -> TestRegistry {
    TestRegistry::start(Behaviour {
        referrers,
        ..Behaviour::default()
    })
}

#[test]
#[ignore = "needs Go to build cosign: make e2e"]
fn cosign_of_both_major_versions_verifies_what_we_sign() {
    let sandbox = sandbox();
    let versions = ["2", "3"].map(Cosign::of);
    for referrers in [true, false] {
        let server = registry(referrers);
        let host = server.host();
        let args = [
            "build",
            "hello",
            QUIET,
            "--repo",
            &host,
            "--tag",
            "v1",
            "--docker-config",
            "none",
            "--platform",
            "linux/amd64,linux/arm64",
            "--sbom",
            "--provenance",
            "--sign-key",
            "cosign.key",
        ];
        let image = imagebuilder(&sandbox, &args).reference();
        let tagged = format!("{host}/team/hello:v1");
        for cosign in &versions {
            ok(&cosign.verify(&sandbox, "cosign.pub", &tagged));
            ok(&cosign.verify(&sandbox, "cosign.pub", &image.to_string()));
            let other = cosign.verify(&sandbox, "other.pub", &tagged);
            assert!(!other.status.success());
            let attestation = cosign.run(
                &sandbox,
                &[
                    "verify-attestation",
                    "--insecure-ignore-tlog",
                    "--key",
                    "cosign.pub",
                    "--type",
                    "slsaprovenance1",
                    &tagged,
                ],
            );
            ok(&attestation);
        }
        // Without what refers to it, it is not signed.
        let bare = format!("{host}/bare:v1");
        imagebuilder(
            &sandbox,
            &["copy", &tagged, &bare, QUIET, "--docker-config", "none"],
        );
        for cosign in &versions {
            assert!(
                !cosign
                    .verify(&sandbox, "cosign.pub", &bare)
                    .status
                    .success()
            );
        }
    }
}

#[test]
#[ignore = "needs Go to build cosign: make e2e"]
fn cosign_verifies_the_older_tag_alone() {
    let sandbox = sandbox();
    let server = registry(true);
    let host = server.host();
    let args = [
        "build",
        "hello",
        QUIET,
        "--repo",
        &host,
        "--tag",
        "v1",
        "--docker-config",
        "none",
        "--sign-key",
        "cosign.key",
        "--sign-tag",
    ];
    let image = imagebuilder(&sandbox, &args).reference();
    let signature = format!("sha256-{}.sig", image.digest().unwrap().hex());
    for tag in ["v1", &signature] {
        let (from, to) = (
            format!("{host}/team/hello:{tag}"),
            format!("{host}/bare:{tag}"),
        );
        imagebuilder(
            &sandbox,
            &["copy", &from, &to, QUIET, "--docker-config", "none"],
        );
    }
    let bare = format!("{host}/bare:v1");
    ok(&Cosign::of("2").verify(&sandbox, "cosign.pub", &bare));
    ok(&Cosign::of("3").verify(&sandbox, "cosign.pub", &bare));
}

#[test]
#[ignore = "needs Go to build cosign: make e2e"]
fn we_verify_what_cosign_of_both_major_versions_signs() {
    let sandbox = sandbox();
    for (major, flags) in [("2", &[][..]), ("3", &["--use-signing-config=false"])] {
        let server = registry(true);
        let host = server.host();
        let args = [
            "build",
            "hello",
            QUIET,
            "--repo",
            &host,
            "--tag",
            "v1",
            "--docker-config",
            "none",
        ];
        let image = imagebuilder(&sandbox, &args).reference().to_string();
        let sign = [
            "sign",
            "--yes",
            "--tlog-upload=false",
            "--key",
            "cosign.key",
        ];
        ok(&Cosign::of(major).run(&sandbox, &[&sign[..], flags, &[&image]].concat()));
        let args = ["verify", &image, "--docker-config", "none", "--key"];
        imagebuilder(&sandbox, &[&args[..], &["cosign.pub"]].concat());
        let other = sandbox.run(&[&args[..], &["other.pub"]].concat());
        assert_eq!(other.code, Some(5), "{}", other.stderr);
    }
}
