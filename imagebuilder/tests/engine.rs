//! Tars and the container engine: Docker loads and runs built images, podman, skopeo and containerd read
//! them, and imagebuilder reads the images that they write.
//!
//! Needs root, `dockerd` and `docker`, `podman`, `skopeo` and `ctr`; it fails where they are missing.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod sandbox;

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use test_registry::{Behaviour, TestRegistry};

use crate::sandbox::{QUIET, Run, Sandbox, tool};

/// A Docker Engine with a containerd of its own.
struct Docker {
    daemon: Child,
    folder: tempfile::TempDir,
}

impl Docker {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let log = fs::File::create(at("log")).unwrap();
        let mut command = Command::new("dockerd");
        command
            .args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"])
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg(format!("--host=unix://{}", at("docker.sock").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let daemon = command.spawn();
        let daemon = daemon.unwrap_or_else(|error| panic!("`dockerd` is needed here: {error}"));
        let mut docker = Self { daemon, folder };
        let deadline = Instant::now() + Duration::from_mins(2);
        while UnixStream::connect(docker.folder.path().join("docker.sock")).is_err() {
            let log = || fs::read_to_string(docker.folder.path().join("log")).unwrap();
            let waits = docker.daemon.try_wait().unwrap().is_none() && Instant::now() < deadline;
            assert!(waits, "dockerd does not start: {}", log());
            thread::sleep(Duration::from_millis(50));
        }
        docker
    }

    fn host(&self) -> String {
        format!(
            "unix://{}",
            self.folder.path().join("docker.sock").display()
        )
    }

    fn containerd(&self) -> String {
        let socket = self.folder.path().join("exec/containerd/containerd.sock");
        socket.display().to_string()
    }

    /// Runs imagebuilder with this engine.
    fn imagebuilder(&self, sandbox: &Sandbox, args: &[&str]) -> Run {
        let mut command = sandbox.command(args);
        let output = command.env("DOCKER_HOST", self.host()).output();
        Run::of(sandbox.path(), output.unwrap())
    }

    fn docker(&self, directory: &Path, args: &[&str]) -> String {
        tool(
            directory,
            "docker",
            &[&["--host", &self.host()], args].concat(),
        )
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // So that it stops its containerd.
        let pid = self.daemon.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.daemon.wait();
    }
}

/// The digest that `verify` prints for a source.
fn verified(run: &Run) -> String {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let (digest, _) = run.stdout.split_once(' ').unwrap();
    digest.to_owned()
}

#[test]
fn docker_runs_a_built_image_and_its_saved_tar_can_be_read() {
    let (docker, sandbox) = (Docker::start(), Sandbox::new());
    let path = sandbox.path();
    let command = ["build", "hello", "--tag", "v1", QUIET, "--output"];
    let built = docker.imagebuilder(
        &sandbox,
        &[&command[..], &["docker", "--output", "tar:x.tar"]].concat(),
    );
    let digest = built.reference().digest().unwrap().to_string();
    let hello = ["run", "--rm", "--network=none", "team/hello:v1"];
    assert_eq!(docker.docker(path, &hello), "2\n");

    docker.docker(path, &["rmi", "team/hello:v1"]);
    docker.docker(path, &["load", "--input", "x.tar"]);
    assert_eq!(docker.docker(path, &hello), "2\n");

    docker.docker(path, &["save", "--output", "saved.tar", "team/hello:v1"]);
    let saved = verified(&sandbox.run(&["verify", "tar:saved.tar"]));
    let asked = docker.imagebuilder(&sandbox, &["verify", "docker:team/hello:v1"]);
    assert_eq!(verified(&asked), saved);
    assert_eq!(verified(&sandbox.run(&["verify", "tar:x.tar"])), digest);

    let copied = docker.imagebuilder(
        &sandbox,
        &["copy", "tar:x.tar", "docker:other/name:v2", QUIET],
    );
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    docker.docker(path, &["run", "--rm", "--network=none", "other/name:v2"]);

    // In each direction between a registry, the engine and layouts.
    let registry = TestRegistry::start(Behaviour::default());
    let (one, two) = (
        format!("{}/one:v1", registry.host()),
        format!("{}/two:v1", registry.host()),
    );
    let run = |args: &[&str]| {
        let args = [args, &["--docker-config", "none"]].concat();
        let run = docker.imagebuilder(&sandbox, &args);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    };
    let pushed = run(&["push", "docker:team/hello:v1", &one]);
    assert_eq!(pushed.reference().digest(), saved.parse().ok());
    let copied = run(&["copy", "docker:team/hello:v1", &two]);
    assert_eq!(copied.reference().digest(), saved.parse().ok());
    assert_eq!(registry.tag("two", "v1"), saved.parse().ok());
    run(&["copy", &two, "docker:from/registry:v3"]);
    docker.docker(path, &["run", "--rm", "--network=none", "from/registry:v3"]);
    let down = run(&["copy", "docker:from/registry:v3", "oci:down"]);
    assert_eq!(down.stdout, format!("{saved}\n"));
    // With its name in the layout.
    docker.docker(path, &["rmi", "from/registry:v3"]);
    let dry = run(&["copy", "oci:down", "docker", "--dry-run"]);
    assert!(
        dry.stderr.starts_with("Would copy oci:down to docker: "),
        "{}",
        dry.stderr
    );
    let up = run(&["copy", "oci:down", "docker"]);
    assert!(
        up.stderr.contains("Loaded image: from/registry:v3"),
        "{}",
        up.stderr
    );
    let refused = docker.imagebuilder(&sandbox, &["copy", "oci:down", "docker", "--referrers"]);
    refused.fails(2, "a container engine keeps no referrers");

    let missing = docker.imagebuilder(&sandbox, &["verify", "docker:nothing"]);
    missing.fails(2, "has no image `nothing:latest`");

    let containerd = docker.containerd();
    let ctr = |args: &[&str]| {
        tool(
            path,
            "ctr",
            &[&["--address", &containerd, "-n", "test", "images"], args].concat(),
        )
    };
    ctr(&["import", "x.tar"]);
    let listed = ctr(&["list", "name==docker.io/team/hello:v1"]);
    assert!(listed.contains(&digest), "{listed}");
}

#[test]
fn podman_and_skopeo_load_a_tar_and_their_tars_can_be_read() {
    let sandbox = Sandbox::new();
    let path = sandbox.path();
    let build = [
        "build",
        "hello",
        "--tag",
        "v1",
        QUIET,
        "--output",
        "tar:x.tar",
    ];
    let digest = sandbox
        .run(&build)
        .reference()
        .digest()
        .unwrap()
        .to_string();
    let root = path.join("podman").display().to_string();
    let podman = |args: &[&str]| {
        let global = ["--root", &root, "--runroot", &root, "--storage-driver=vfs"];
        tool(path, "podman", &[&global, args].concat())
    };
    podman(&["load", "--input", "x.tar"]);
    let name = "docker.io/team/hello:v1";
    let user = podman(&["image", "inspect", "--format={{.User}}", name]);
    assert_eq!(user, "65532:65532\n");
    for (format, file) in [
        ("docker-archive", "tar:d.tar"),
        ("oci-archive", "tar:o.tar"),
    ] {
        podman(&[
            "save",
            "--quiet",
            "--format",
            format,
            "--output",
            &file[4..],
            name,
        ]);
        verified(&sandbox.run(&["verify", file]));
    }
    let inspect = |source: &str| tool(path, "skopeo", &["inspect", source]);
    assert!(inspect("oci-archive:x.tar").contains(&digest));
    assert!(inspect("docker-archive:x.tar").contains("\"SSL_CERT_FILE="));
    tool(
        path,
        "skopeo",
        &[
            "copy",
            "--quiet",
            "docker-archive:x.tar",
            "docker-archive:s.tar:a/b:c",
        ],
    );
    verified(&sandbox.run(&["verify", "tar:s.tar"]));
}

#[test]
fn a_tar_has_the_same_bytes_each_time_and_copies_back_into_a_layout() {
    let sandbox = Sandbox::new();
    let build = |output: &str| {
        let platforms = ["--platform", "linux/amd64,linux/arm64"];
        let args = ["build", "hello", QUIET, "--output", output];
        sandbox.run(&[&args[..], &platforms].concat()).reference()
    };
    let digest = build("tar:x.tar").digest().unwrap();
    build("tar:y.tar");
    let bytes = |name: &str| fs::read(sandbox.path().join(name)).unwrap();
    assert!(bytes("x.tar") == bytes("y.tar"), "two tars differ");
    let copied = sandbox.run(&["copy", "tar:x.tar:team/hello", "oci:back", QUIET]);
    assert_eq!(copied.stdout, format!("{digest}\n"), "{}", copied.stderr);
    let lines = sandbox.run(&["verify", "oci:back", QUIET]).stdout;
    assert_eq!(lines, format!("{digest} team/hello\n"));
}

#[test]
fn an_unreachable_engine_and_unreadable_sources_are_refused_before_compiling() {
    let sandbox = Sandbox::new();
    let check = |args: &[&str], host: &str, code: i32, expected: &str| {
        let output = sandbox.command(args).env("DOCKER_HOST", host).output();
        let run = Run::of(sandbox.path(), output.unwrap());
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    };
    let docker = ["build", "hello", "--output", "docker"];
    check(
        &docker,
        "unix:///nowhere",
        4,
        "cannot reach the container engine at unix:///nowhere",
    );
    check(
        &docker,
        "ssh://host",
        2,
        "cannot use DOCKER_HOST `ssh://host`",
    );
    check(
        &["build", "hello", "--output", "registry"],
        "",
        2,
        "add --repo PREFIX",
    );
    assert!(
        !sandbox.path().join("target").exists(),
        "nothing was compiled"
    );
    check(
        &["verify", "tar:Cargo.toml"],
        "",
        2,
        "`Cargo.toml` is not an archive of images: it is not a tar",
    );
    check(
        &["verify", "tar:nothing.tar"],
        "",
        1,
        "cannot open `nothing.tar`",
    );
}
