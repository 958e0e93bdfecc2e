//! The sources of credentials.

use std::fs;
use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use test_registry::{Auth, Behaviour, TestRegistry};

use crate::sandbox::{QUIET, Run, Sandbox};
use crate::services::{built, sh};

#[test]
fn credentials_come_from_a_helper() {
    let (sandbox, built) = built();
    let auth = Auth::Basic("name".into(), "hunter2".into());
    let registry = TestRegistry::start(Behaviour {
        auth,
        ..Behaviour::default()
    });
    sandbox.write("login/config.json", r#"{"credsStore": "fake"}"#);
    let helper = "bin/docker-credential-fake";
    let run = |script: &str| {
        sandbox.write(
            helper,
            &format!("#!/bin/sh\n[ \"$1\" = get ] && {script}\n"),
        );
        sh(sandbox.path(), &format!("chmod +x {helper}"));
        let args = [
            "push",
            "oci:img",
            "--repo",
            &registry.host(),
            "--docker-config",
            "login",
        ];
        let mut command = sandbox.command(&args);
        let path = std::env::join_paths(
            std::iter::once(sandbox.path().join("bin"))
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        Run::of(
            sandbox.path(),
            command.env("PATH", path.unwrap()).output().unwrap(),
        )
    };
    let host = registry.host();
    let known = format!(
        "read host && [ \"$host\" = {host} ] && echo '{{\"Username\":\"name\",\"Secret\":\"hunter2\"}}'"
    );
    assert_eq!(run(&known).reference().digest(), built.digest());
    let unknown = run("echo credentials not found in native keychain && exit 1");
    assert!(
        unknown.stderr.contains("none are configured for it"),
        "{}",
        unknown.stderr
    );
    let broken = run("echo hunter2 is locked away && exit 7");
    broken.fails(3, "from `docker-credential-fake`");
    assert!(
        broken.stderr.contains("it failed (exit status: 7)"),
        "{}",
        broken.stderr
    );
}

#[test]
fn a_registry_that_will_refuse_an_image_is_reported_before_compiling() {
    let sandbox = Sandbox::new();
    sandbox.write("hello/src/main.rs", "not Rust");
    let registry = TestRegistry::start(Behaviour {
        auth: Auth::Basic("name".into(), "hunter2".into()),
        ..Behaviour::default()
    });
    let host = registry.host();
    let file = |password: &str| {
        let auth = STANDARD.encode(format!("name:{password}"));
        let text = format!(r#"{{"auths": {{"{host}": {{"auth": "{auth}"}}}}}}"#);
        sandbox.write("login/config.json", &text);
    };
    let build = |repo: &str| {
        let args = ["build", "hello", QUIET, "--docker-config", "login"];
        sandbox.run(&[&args[..], &["--repo", repo]].concat())
    };
    let check = |run: &Run, code: i32| {
        run.fails(code, "  Caused by: GET http://");
        assert!(!run.stderr.contains("could not compile"), "{}", run.stderr);
    };
    file("wrong");
    check(&build(&host), 3);
    // A port that nothing listens on.
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    check(&build(&format!("{closed}/x")), 4);
    file("hunter2");
    build(&host).fails(1, "could not compile");
    // Other responses to the login are left to the push.
    let without = TestRegistry::start(Behaviour::default());
    build(&without.host()).fails(1, "could not compile");
}

#[test]
fn credentials_come_from_where_podman_stores_them() {
    let (sandbox, built) = built();
    let registry = TestRegistry::start(Behaviour {
        auth: Auth::Basic("name".into(), "hunter2".into()),
        ..Behaviour::default()
    });
    let host = registry.host();
    let auths = format!(r#"{{"auths": {{"{host}": {{"auth": "bmFtZTpodW50ZXIy"}}}}}}"#);
    let check = |file: &str, variable: &str, value: &str| {
        sandbox.write(file, &auths);
        let mut command = sandbox.command(&["push", "oci:img", "--repo", &host]);
        command
            .env("HOME", sandbox.path().join("nobody"))
            .env(variable, sandbox.path().join(value));
        let run = Run::of(sandbox.path(), command.output().unwrap());
        assert_eq!(run.reference().digest(), built.digest(), "{variable}");
        fs::remove_file(sandbox.path().join(file)).unwrap();
    };
    check("a.json", "REGISTRY_AUTH_FILE", "a.json");
    check("run/containers/auth.json", "XDG_RUNTIME_DIR", "run");
    check("xdg/containers/auth.json", "XDG_CONFIG_HOME", "xdg");
    check("home/.config/containers/auth.json", "HOME", "home");
    check("home/.docker/config.json", "HOME", "home");
}
