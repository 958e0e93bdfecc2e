//! Which registries are trusted, and how they are reached.

use test_registry::{Behaviour, TestRegistry};

use crate::sandbox::{QUIET, Run};
use crate::services::{Registry, built, push};

#[test]
fn only_the_authorities_in_ssl_cert_file_are_trusted() {
    let (registry, (sandbox, _)) = (Registry::start(), built());
    // A name other than this machine's, for which TLS is the default.
    let repo = format!("registry.invalid:{}", registry.port);
    let resolve = format!("{repo}:127.0.0.1");
    let run = |file: &str, more: &[&str]| {
        let mut command = sandbox.command(&["push", "oci:img", "--repo", &repo]);
        command
            .args(["--docker-config", "none", "--resolve", &resolve, QUIET])
            .args(more)
            .env("SSL_CERT_FILE", file);
        Run::of(sandbox.path(), command.output().unwrap())
    };
    // A trusted registry goes on to require credentials.
    let trusted = run(&registry.path("ca.pem"), &[]);
    assert_eq!(trusted.code, Some(3), "{}", trusted.stderr);
    let other = run(&registry.path("other-ca.pem"), &[]);
    assert_eq!(other.code, Some(4), "{}", other.stderr);
    let unverified = run(
        &registry.path("other-ca.pem"),
        &["--insecure-skip-tls-verify"],
    );
    assert_eq!(unverified.code, Some(3), "{}", unverified.stderr);
    let missing = run("/nonexistent", &[]);
    missing.fails(2, "SSL_CERT_FILE");
}

#[test]
fn a_ca_file_without_a_certificate_is_refused() {
    let (sandbox, _) = built();
    sandbox.write(
        "ca.pem",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
    );
    let run = push(&sandbox, "r.example", &["--ca-file", "ca.pem"]);
    run.fails(2, "`ca.pem` has no certificate in PEM form");
}

#[test]
fn a_registry_on_this_machine_is_reached_without_a_proxy() {
    let (sandbox, built) = built();
    let registry = TestRegistry::start(Behaviour::default());
    let args = [
        "push",
        "oci:img",
        "--repo",
        &registry.host(),
        "--docker-config",
        "none",
    ];
    let mut command = sandbox.command(&args);
    command
        .env("http_proxy", "http://127.0.0.1:1")
        .env("HTTP_PROXY", "http://127.0.0.1:1");
    command
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let run = Run::of(sandbox.path(), command.output().unwrap());
    assert_eq!(run.reference().digest(), built.digest());
}
