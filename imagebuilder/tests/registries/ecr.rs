//! Amazon ECR, simulated by moto and Debian's registry.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::sandbox::{Run, clear_environment};
use crate::services::{Registry, Service, built, sh};
use crate::{ECR, PASSWORD};

/// `moto_server`, from PATH or where the install script puts it.
fn moto_server() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/moto/bin/moto_server");
    if own.is_file() {
        own
    } else {
        "moto_server".into()
    }
}

/// The registry's host is ECR's, moto provides the token and the repository, and the region of the
/// environment differs from that of the host.
#[test]
fn an_image_is_pushed_to_amazon_ecr() {
    let (registry, (sandbox, built)) = (Registry::start(), built());
    let port = test_programs::free_port();
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
        clear_environment(&mut command)
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
            .env("AWS_ENDPOINT_URL_ECR", endpoint);
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
    nobody.fails(3, "hint: `aws sts get-caller-identity`");
    let away = run("http://127.0.0.1:1", Some("key"), &[]);
    assert_eq!(away.code, Some(4), "{}", away.stderr);
}

/// A GET request to this machine.
fn ureq_get(port: u16, path: &str) -> String {
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    );
    sh(Path::new("/"), &script)
}

/// A proxy for CONNECT that maps names to addresses. Returns its port and the requested targets.
fn proxy(route: impl Fn(&str) -> u16 + Send + 'static) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let mut reader = BufReader::new(client.try_clone().unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                lines.push(line);
            }
            let name = lines.first().and_then(|line| line.split(' ').nth(1));
            let Some(name) = name.map(str::to_owned) else {
                continue;
            };
            let server = TcpStream::connect(("127.0.0.1", route(&name))).unwrap();
            seen.lock().unwrap().push(name);
            (&client).write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
    (port, asked)
}

/// AWS's API is reached like the registry: through the proxy, trusting the named authority.
#[test]
fn the_sdk_uses_the_proxy_and_the_authority() {
    let (registry, (sandbox, built)) = (Registry::start(), built());
    let port = test_programs::free_port();
    let mut moto = Command::new(moto_server());
    let _moto = Service::start(
        moto.args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .args(["-c", &registry.path("cert.pem")])
            .args(["-k", &registry.path("key.pem")]),
        port,
    );
    let registry_port = registry.port;
    let (proxy, asked) = proxy(move |name| {
        if name.starts_with("registry.invalid:") {
            port
        } else {
            registry_port
        }
    });
    let run = |ca: &str| {
        let mut command = sandbox.command(&["push", "oci:img", "--tag", "v1"]);
        command
            .args(["--repo", ECR, "--docker-config", "none"])
            .args(["--create-repository", "--ca-file", &registry.path(ca)])
            .env("HOME", sandbox.path())
            .env("HTTPS_PROXY", format!("http://127.0.0.1:{proxy}"))
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_ECR", "https://registry.invalid")
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "hunter2");
        Run::of(sandbox.path(), command.output().unwrap())
    };
    let pushed = run("ca.pem");
    assert_eq!(pushed.reference().digest(), built.digest());
    let asked = asked.lock().unwrap();
    assert!(
        asked.contains(&"registry.invalid:443".to_owned()),
        "{asked:?}"
    );
    assert!(asked.contains(&format!("{ECR}:443")), "{asked:?}");
    drop(asked);
    let other = run("other-ca.pem");
    assert_eq!(other.code, Some(4), "{}", other.stderr);
}
