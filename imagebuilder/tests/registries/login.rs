//! Storing credentials, and deleting them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::PASSWORD;
use crate::sandbox::{Run, Sandbox};
use crate::services::{Registry, built, sh};

/// Runs a command with input on standard input, and a home directory of its own.
fn run(sandbox: &Sandbox, args: &[&str], input: &str, more: &[(&str, &str)]) -> Run {
    let mut command = sandbox.command(args);
    command
        .env("HOME", sandbox.path())
        .envs(more.iter().copied());
    let output = test_programs::output_with_input(&mut command, input);
    Run::of(sandbox.path(), output)
}

#[test]
fn a_password_is_checked_stored_used_and_deleted() {
    let (registry, (sandbox, built)) = (Registry::start(), built());
    let (host, ca) = (
        format!("localhost:{}", registry.port),
        registry.path("ca.pem"),
    );
    let login = |password: &str, more: &[(&str, &str)]| {
        let args = [
            "login",
            &host,
            "--username",
            "AWS",
            "--password-stdin",
            "--ca-file",
            &ca,
        ];
        run(&sandbox, &args, password, more)
    };
    let file = sandbox.path().join(".docker/config.json");
    let wrong = login("wrong\n", &[]);
    assert_eq!(wrong.code, Some(3), "{}", wrong.stderr);
    assert!(!file.exists(), "a refused password is not stored");
    let right = login(&format!("{PASSWORD}\n"), &[]);
    assert_eq!(
        (right.code, right.stdout.as_str()),
        (Some(0), ""),
        "{}",
        right.stderr
    );
    let stored = format!("Stored the credentials for {host} in [WS]/.docker/config.json\n");
    assert_eq!(right.stderr, stored);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let name = format!("{host}/app:v1");
    let push = || {
        run(
            &sandbox,
            &["push", "oci:img", &name, "--ca-file", &ca],
            "",
            &[],
        )
    };
    assert_eq!(push().reference().digest(), built.digest());
    let logout = || run(&sandbox, &["logout", &host], "", &[]);
    let deleted = format!("Deleted the credentials for {host} in [WS]/.docker/config.json\n");
    assert_eq!(logout().stderr, deleted);
    assert_eq!(
        logout().stderr,
        format!("No credentials for {host} are stored\n")
    );
    assert_eq!(push().code, Some(3));

    let podman = sandbox.path().join("auth.json").display().to_string();
    let variables = [("REGISTRY_AUTH_FILE", podman.as_str())];
    let right = login(PASSWORD, &variables);
    assert!(
        right.stderr.ends_with(" in [WS]/auth.json\n"),
        "{}",
        right.stderr
    );
}

/// A helper that stores its input in a file beside it.
const HELPER: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
case $1 in
store) cat >kept ;;
get) [ -f kept ] && cat kept || { echo 'credentials not found in native keychain'; exit 1; } ;;
erase) rm kept ;;
esac
"#;

#[test]
fn the_helper_in_the_configuration_is_used() {
    let (registry, sandbox) = (Registry::start(), Sandbox::new());
    let (host, ca) = (
        format!("localhost:{}", registry.port),
        registry.path("ca.pem"),
    );
    sandbox.write("bin/docker-credential-box", HELPER);
    sh(sandbox.path(), "chmod +x bin/docker-credential-box");
    sandbox.write(".docker/config.json", "{\"credsStore\": \"box\"}");
    let path = format!("{}/bin:/usr/bin:/bin", sandbox.path().display());
    let more = [("PATH", path.as_str())];
    let args = [
        "login",
        &host,
        "-u",
        "AWS",
        "--password-stdin",
        "--ca-file",
        &ca,
    ];
    let login = run(&sandbox, &args, PASSWORD, &more);
    assert_eq!(
        login.stderr,
        format!("Stored the credentials for {host} with docker-credential-box\n")
    );
    assert!(sandbox.read("bin/kept").contains(PASSWORD));
    assert_eq!(
        sandbox.read(".docker/config.json"),
        "{\"credsStore\": \"box\"}"
    );
    let logout = run(&sandbox, &["logout", &host], "", &more);
    assert_eq!(
        logout.stderr,
        format!("Deleted the credentials for {host} with docker-credential-box\n")
    );
    assert!(!sandbox.path().join("bin/kept").exists());
    let again = run(&sandbox, &["logout", &host], "", &more);
    assert!(
        again.stderr.starts_with("No credentials for "),
        "{}",
        again.stderr
    );
}

#[test]
fn a_password_on_the_command_line_is_refused_and_not_repeated() {
    let sandbox = Sandbox::empty();
    for registry in [
        "http://u:hunter2@r.example/x:v1",
        "u:hunter2@r.example/x:v1",
    ] {
        for more in [&[][..], &["--progress", "json"]] {
            let args = [&["push", "oci:img", registry], more].concat();
            let refused = run(&sandbox, &args, "", &[]);
            refused.fails(2, "***@r.example/x:v1");
            assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
        }
    }
    let args = ["login", "r.example", "-u", "u", "--password", "hunter2"];
    let refused = run(&sandbox, &args, "", &[]);
    refused.fails(2, "--password-stdin");
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    let none = run(
        &sandbox,
        &["login", "r.example", "-u", "u", "--password-stdin"],
        "\n",
        &[],
    );
    assert_eq!(none.code, Some(2), "{}", none.stderr);
}
