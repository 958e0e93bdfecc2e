//! The sources of credentials.

use std::fs;

use test_registry::{Auth, Behaviour, TestRegistry};

use crate::sandbox::Run;
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
            .env_remove("DOCKER_CONFIG")
            .env_remove("REGISTRY_AUTH_FILE")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_RUNTIME_DIR")
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
