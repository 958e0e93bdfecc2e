//! The real program against registries: one in this process that misbehaves, Debian's
//! `docker-registry` with TLS and a password, and moto for the API of Amazon ECR.
//!
//! Needs `docker-registry`, `htpasswd`, `openssl`, `skopeo`, `unshare` and, as root,
//! `moto_server` (on PATH or in `target/moto/bin`); it fails where they are missing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

mod sandbox;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use oci::image::Index;
use test_registry::{Action, Auth, Behaviour, Fault, TestRegistry};

use crate::sandbox::{QUIET, Run, Sandbox};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// What moto says is the password.
const PASSWORD: &str = "123456789012-auth-token";

/// A process that ends with the test.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Service {
    /// Starts `command` and waits until something listens on `port`.
    fn start(command: &mut Command, port: u16) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let service =
            Self(child.unwrap_or_else(|error| panic!("`{program}` is needed here: {error}")));
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "`{program}` does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        service
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn sh(directory: &Path, script: &str) -> String {
    let output = Command::new("bash")
        .args(["-ec", script])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Debian's registry with a certificate of its own authority, for this machine's name and ECR's.
struct Registry {
    directory: tempfile::TempDir,
    port: u16,
    _service: Service,
}

impl Registry {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let script = format!(
            "key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
             openssl req -x509 $key -days 2 -subj /CN=authority -keyout ca.key -out ca.pem \
                 -addext basicConstraints=critical,CA:TRUE
             openssl req -x509 $key -days 2 -subj /CN=other -keyout other.key -out other-ca.pem \
                 -addext basicConstraints=critical,CA:TRUE
             openssl req $key -subj /CN=registry -keyout key.pem -out csr.pem
             echo subjectAltName=DNS:localhost,DNS:registry.invalid,DNS:{ECR},IP:127.0.0.1 > ext
             openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                 -extfile ext -out cert.pem
             htpasswd -Bbn AWS {PASSWORD} > htpasswd
             mkdir certs login && cp ca.pem certs/ca.crt
             auth=$(printf 'AWS:{PASSWORD}' | base64 -w0)
             echo '{{\"auths\":{{\"localhost:{port}\":{{\"auth\":\"'$auth'\"}}}}}}' > login/config.json
             cat > config.yml <<EOF
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: $PWD/data}}}}
http: {{addr: \"127.0.0.1:{port}\", tls: {{certificate: $PWD/cert.pem, key: $PWD/key.pem}}}}
auth: {{htpasswd: {{realm: test, path: $PWD/htpasswd}}}}
EOF"
        );
        sh(directory.path(), &script);
        let mut command = Command::new("docker-registry");
        command
            .args(["serve", "config.yml"])
            .current_dir(directory.path());
        Self {
            port,
            _service: Service::start(&mut command, port),
            directory,
        }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn skopeo(&self, arguments: &str) -> String {
        let script = format!(
            "skopeo {arguments} --cert-dir certs --authfile login/config.json \
             docker://localhost:{}/team/team/hello:v1",
            self.port
        );
        sh(self.directory.path(), &script)
    }
}

/// A sandbox whose layout `img` has an image for two platforms, and the image's reference.
fn built() -> (Sandbox, oci::Reference) {
    let sandbox = Sandbox::new();
    let platforms = "linux/amd64,linux/arm64";
    let args = [
        "build",
        "hello",
        "--platform",
        platforms,
        "--output",
        "oci:img",
        QUIET,
    ];
    let reference = sandbox.run(&args).reference();
    (sandbox, reference)
}

fn push(sandbox: &Sandbox, repo: &str, more: &[&str]) -> Run {
    let mut args = vec!["push", "oci:img", "--repo", repo, "--docker-config", "none"];
    args.extend(more);
    sandbox.run(&args)
}

#[test]
fn an_index_goes_to_a_registry_with_tls_and_a_password() {
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
        again.stderr.contains("everything was there"),
        "{}",
        again.stderr
    );
    assert_eq!(again.reference(), reference);

    let stranger = push(&["--ca-file", &ca, "--docker-config", "none"]);
    assert_eq!((stranger.code, stranger.stdout.as_str()), (Some(3), ""));
    assert!(
        stranger.stderr.contains("hint: `docker login localhost:"),
        "{}",
        stranger.stderr
    );
    let other = registry.path("other-ca.pem");
    let other = push(&["--ca-file", &other, "--docker-config", &login]);
    assert_eq!(other.code, Some(4), "{}", other.stderr);
    assert!(
        other.stderr.contains("hint: the registry's certificate"),
        "{}",
        other.stderr
    );
    let plain = push(&["--docker-config", &login]);
    assert_eq!(plain.code, Some(1), "{}", plain.stderr);
    assert!(
        plain.stderr.contains("hint: the registry may want TLS"),
        "{}",
        plain.stderr
    );
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

/// `moto_server`, from PATH or where the install script puts it.
fn moto_server() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/moto/bin/moto_server");
    if own.is_file() {
        own
    } else {
        "moto_server".into()
    }
}

/// The registry's host is ECR's, token and repository are moto's, and the region of the environment
/// is another than that of the host.
#[test]
fn an_image_goes_to_amazon_ecr() {
    let (registry, (sandbox, built)) = (Registry::start(), built());
    let port = free_port();
    let mut moto = Command::new(moto_server());
    let _moto = Service::start(
        moto.args(["-H", "127.0.0.1", "-p", &port.to_string()]),
        port,
    );
    fs::write(
        sandbox.path().join("hosts"),
        format!("127.0.0.1 localhost {ECR}\n"),
    )
    .unwrap();
    let endpoint = format!("http://127.0.0.1:{port}");
    let run = |endpoint: &str, key: Option<&str>, more: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "sh",
                "-ec",
                "mount --bind hosts /etc/hosts; exec \"$@\"",
                "sh",
            ])
            .arg(env!("CARGO_BIN_EXE_imagebuilder"))
            .args(["push", "oci:img", "--tag", "v1", "--docker-config", "none"])
            .args(["--repo", &format!("{ECR}:{}", registry.port)])
            .args(["--ca-file", &registry.path("ca.pem")])
            .args(more)
            .current_dir(sandbox.path())
            .env("HOME", sandbox.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL_ECR", endpoint)
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_PROFILE");
        if let Some(key) = key {
            command
                .env("AWS_ACCESS_KEY_ID", key)
                .env("AWS_SECRET_ACCESS_KEY", "hunter2");
        }
        Run::of(sandbox.path(), command.output().unwrap())
    };
    let pushed = run(&endpoint, Some("key"), &["--create-repository"]);
    assert_eq!(pushed.reference().digest(), built.digest());
    assert!(
        pushed.stderr.starts_with("Created repository team/hello\n"),
        "{}",
        pushed.stderr
    );
    let state = ureq_get(port, "/moto-api/data.json");
    assert!(
        state.contains("repository/team/hello") && state.contains(":eu-west-1:"),
        "{state}"
    );
    assert!(!state.contains("arn:aws:ecr:us-east-1"), "{state}");
    let again = run(&endpoint, Some("key"), &["--create-repository"]);
    assert!(again.stderr.starts_with("Pushed "), "{}", again.stderr);
    for run in [&pushed, &again] {
        assert!(!run.stderr.contains("hunter2") && !run.stderr.contains(PASSWORD));
    }
    let nobody = run(&endpoint, None, &[]);
    assert_eq!(nobody.code, Some(3), "{}", nobody.stderr);
    assert!(
        nobody
            .stderr
            .contains("hint: `aws sts get-caller-identity`"),
        "{}",
        nobody.stderr
    );
    let away = run("http://127.0.0.1:1", Some("key"), &[]);
    assert_eq!(away.code, Some(4), "{}", away.stderr);
}

/// A GET of this machine.
fn ureq_get(port: u16, path: &str) -> String {
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    );
    sh(Path::new("/"), &script)
}

#[test]
fn errors_say_what_to_do_and_end_with_their_code() {
    let (sandbox, _) = built();
    let check = |behaviour: Behaviour, fault: Option<Fault>, code: i32, expected: &[&str]| {
        let registry = TestRegistry::start(behaviour);
        if let Some(fault) = fault {
            registry.fault(fault);
        }
        let run = push(&sandbox, &registry.host(), &["--tag", "v1", QUIET]);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(code), ""),
            "{}",
            run.stderr
        );
        for expected in expected {
            assert!(run.stderr.contains(expected), "{}", run.stderr);
        }
    };
    let fault = |method, path, action| {
        Some(Fault {
            method,
            path,
            after: 0,
            times: 99,
            action,
        })
    };
    let plain = Behaviour::default;
    check(
        Behaviour {
            auth: Auth::Basic("a".into(), "b".into()),
            ..plain()
        },
        None,
        3,
        &[
            "the registry wants credentials",
            "hint: `docker login 127.0.0.1:",
        ],
    );
    let denied = r#"{"errors":[{"code":"DENIED","message":"not authorized"}]}"#;
    check(
        plain(),
        fault("PUT", "/manifests/v1", Action::Answer(403, vec![], denied)),
        3,
        &["/manifests/v1: 403 DENIED: not authorized\nhint: `docker login"],
    );
    check(
        plain(),
        fault("PUT", "/manifests/", Action::OtherDigest),
        5,
        &["the registry has sha256:"],
    );
    check(
        Behaviour {
            repositories: Some([].into()),
            ..plain()
        },
        None,
        1,
        &["/blobs/uploads/: 404 NAME_UNKNOWN"],
    );
    let run = push(&sandbox, "127.0.0.1:1", &["--create-repository"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("--create-repository is for Amazon ECR"),
        "{}",
        run.stderr
    );
    let run = push(&sandbox, "someone", &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("names no registry"), "{}", run.stderr);
}

/// Another program's layouts have a tag alone, or a full name, in place of a name.
#[test]
fn an_image_that_another_program_named_goes_where_it_is_told_or_nowhere() {
    let (sandbox, built) = built();
    let registry = TestRegistry::start(Behaviour::default());
    for (name, problem) in [
        ("v1.2", "a name that may be a tag"),
        ("docker.io/library/foo:v1", "the full name of another place"),
    ] {
        sh(
            sandbox.path(),
            &format!("rm -rf other; skopeo copy --all oci:img:team/hello oci:other:{name}"),
        );
        let source = format!("oci:other:{name}");
        let run = |more: &[&str]| {
            let mut args = vec!["push", &source, "--docker-config", "none", QUIET];
            args.extend(more);
            sandbox.run(&args)
        };
        let refused = run(&["--repo", &registry.host()]);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (Some(2), ""),
            "{}",
            refused.stderr
        );
        let hint =
            format!("hint: name the destination: `imagebuilder push {source} REGISTRY/NAME:TAG`");
        assert!(refused.stderr.contains(problem), "{}", refused.stderr);
        assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
        assert_eq!(registry.seen(), []);
        let destination = format!("{}/team/app:v7", registry.host());
        let pushed = run(&[&destination]).reference();
        assert_eq!(pushed.name(), format!("{}/team/app", registry.host()));
        assert_eq!(registry.tag("team/app", "v7"), built.digest());
        registry.forget();
    }
    let run = sandbox.run(&["push", "oci:img", "team/app:v1"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("names no registry"), "{}", run.stderr);
}

#[test]
fn names_that_can_be_misread_are_refused() {
    let (sandbox, _) = built();
    let run = push(&sandbox, "r.example", &["--insecure"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr
            .contains("give --plain-http or --insecure-skip-tls-verify"),
        "{}",
        run.stderr
    );
    let run = push(&sandbox, "r.example", &["--plain-http", "--ca-file", "x"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn the_authorities_of_ssl_cert_file_are_trusted_alone() {
    let (registry, (sandbox, _)) = (Registry::start(), built());
    // Another name than this machine's, which has TLS without being asked for it.
    let repo = format!("registry.invalid:{}", registry.port);
    let resolve = format!("{repo}:127.0.0.1");
    let run = |file: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imagebuilder"));
        command
            .args([
                "push",
                "oci:img",
                "--repo",
                &repo,
                "--docker-config",
                "none",
            ])
            .args(["--resolve", &resolve, QUIET])
            .args(more)
            .current_dir(sandbox.path())
            .env("SSL_CERT_FILE", file);
        Run::of(sandbox.path(), command.output().unwrap())
    };
    // What is trusted is asked for credentials.
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
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
    assert!(
        missing.stderr.contains("SSL_CERT_FILE"),
        "{}",
        missing.stderr
    );
}

#[test]
fn a_damaged_blob_of_the_layout_is_not_pushed() {
    let flipped = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let truncated = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let check = |damage: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let (sandbox, _) = built();
        let registry = TestRegistry::start(Behaviour::default());
        let blobs = fs::read_dir(sandbox.path().join("img/blobs/sha256")).unwrap();
        let largest = blobs
            .map(|entry| entry.unwrap())
            .max_by_key(|e| e.metadata().unwrap().len());
        let path = largest.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let run = push(&sandbox, &registry.host(), &["--tag", "v1", QUIET]);
        assert_eq!(run.code, Some(5), "{}", run.stderr);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        assert_eq!(registry.tag("team/hello", "v1"), None);
    };
    check(&flipped, "is damaged: its digest is sha256:");
    check(&truncated, "is cut short: ");
}

/// Killed at any moment, a push leaves nothing that refers to what is not there, and the next one
/// goes on.
#[test]
fn a_killed_push_leaves_no_tag_and_the_next_succeeds() {
    let (sandbox, built) = built();
    for round in 0..15 {
        let registry = TestRegistry::start(Behaviour::default());
        let args = [
            "push",
            "oci:img",
            "--repo",
            &registry.host(),
            "--tag",
            "v1",
            QUIET,
        ];
        let mut child = sandbox
            .command(&args)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(round * 3));
        let _ = child.kill();
        child.wait().unwrap();
        if let Some(digest) = registry.tag("team/hello", "v1") {
            assert_eq!(Some(digest), built.digest());
        }
        let run = push(&sandbox, &registry.host(), &["--tag", "v1", QUIET]);
        assert_eq!(run.reference().digest(), built.digest());
        assert_eq!(registry.tag("team/hello", "v1"), built.digest());
    }
}

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
        unknown.stderr.contains("none are known for it"),
        "{}",
        unknown.stderr
    );
    let broken = run("echo hunter2 is locked away && exit 7");
    assert_eq!(broken.code, Some(3), "{}", broken.stderr);
    assert!(
        broken.stderr.contains("from `docker-credential-fake`"),
        "{}",
        broken.stderr
    );
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

#[test]
fn a_ca_file_without_a_certificate_is_refused() {
    let (sandbox, _) = built();
    sandbox.write(
        "ca.pem",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
    );
    let run = push(&sandbox, "r.example", &["--ca-file", "ca.pem"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("`ca.pem` has no certificate in PEM form"),
        "{}",
        run.stderr
    );
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
