//! Debian's registry with TLS and a password.

use oci::image::Index;

use crate::PASSWORD;
use crate::sandbox::{QUIET, Sandbox};
use crate::services::{Registry, built};

#[test]
fn an_index_is_pushed_to_a_registry_with_tls_and_a_password() {
    let (registry, (sandbox, built)) = (Registry::start(), built());
    let repo = format!("localhost:{}/team", registry.port);
    let (ca, login) = (registry.path("ca.pem"), registry.path("login"));
    let access = ["--ca-file", &ca, "--docker-config", &login];
    let push = |more: &[&str]| {
        let mut args = vec!["push", "oci:img", "--repo", &repo, "--tag", "v1"];
        args.extend(more);
        sandbox.run(&args)
    };
    let run = push(&access);
    let reference = run.reference();
    assert_eq!(reference.to_string(), format!("{repo}/{built}"));
    assert!(
        run.stderr.contains("5 blobs (0 already there"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
    // Another client sees the same, byte for byte.
    let raw = registry.skopeo("inspect --raw");
    assert_eq!(Some(oci::Digest::of(raw.as_bytes())), built.digest());
    assert_eq!(Index::parse(raw.as_bytes()).unwrap().manifests.len(), 2);
    assert!(
        registry
            .skopeo("inspect --config --override-arch arm64")
            .contains("\"arm64\"")
    );
    let again = push(&access);
    assert!(
        again.stderr.contains("everything was already there"),
        "{}",
        again.stderr
    );
    assert_eq!(again.reference(), reference);

    let stranger = push(&["--ca-file", &ca, "--docker-config", "none"]);
    assert_eq!((stranger.code, stranger.stdout.as_str()), (Some(3), ""));
    assert!(
        stranger
            .stderr
            .contains("hint: `imagebuilder login localhost:"),
        "{}",
        stranger.stderr
    );
    let other = registry.path("other-ca.pem");
    let other = push(&["--ca-file", &other, "--docker-config", &login]);
    other.fails(4, "hint: the registry's certificate");
    let plain = push(&["--docker-config", &login]);
    plain.fails(1, "hint: the registry may require TLS");
}

#[test]
fn build_and_resolve_push_what_they_build() {
    let (registry, sandbox) = (Registry::start(), Sandbox::new());
    let repo = format!("localhost:{}/team", registry.port);
    let (ca, login) = (registry.path("ca.pem"), registry.path("login"));
    let access = [
        "--repo",
        &repo,
        "--tag",
        "v1",
        "--ca-file",
        &ca,
        "--docker-config",
        &login,
        QUIET,
    ];
    let mut args = vec!["build", "hello"];
    args.extend(access);
    let reference = sandbox.run(&args).reference();
    assert_eq!(reference.name(), format!("{repo}/team/hello"));
    let raw = registry.skopeo("inspect --raw");
    assert_eq!(Some(oci::Digest::of(raw.as_bytes())), reference.digest());
    sandbox.write("app.yaml", "image: cargo://hello # here\n");
    let mut args = vec!["resolve", "-f", "app.yaml"];
    args.extend(access);
    let run = sandbox.run(&args);
    assert_eq!(
        run.stdout,
        format!("image: {reference} # here\n"),
        "{}",
        run.stderr
    );
}
