//! `make deploy` by way of Amazon ECR: the token and the repository are moto's, the registry has
//! ECR's host name, and the kubelet logs in by a credential provider, as on an EKS node.
//!
//! Needs the cluster that `dev/cluster/run` brings up on this machine, `unshare`, and
//! `moto_server` (on PATH or in `target/moto/bin`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::cluster::{Cluster, local};
use e2e::program;

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// A moto that ends with the test.
struct Moto {
    process: Child,
    endpoint: String,
}

impl Moto {
    fn start() -> Self {
        let installed =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/moto/bin/moto_server");
        let program = if installed.is_file() {
            installed
        } else {
            PathBuf::from("moto_server")
        };
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto_server is needed here: pip install 'moto[server]'");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "moto_server does not listen"
            );
            sleep(Duration::from_millis(100));
        }
        Self {
            process,
            endpoint: format!("http://127.0.0.1:{port}"),
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_deploy_goes_by_way_of_ecr() {
    let cluster = Cluster::connect();
    let moto = Moto::start();
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ecr");
    std::fs::create_dir_all(&scratch).unwrap();
    let node = cluster.run(&[
        "get",
        "nodes",
        "-o=jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}",
    ]);
    let hosts = scratch.join("hosts");
    std::fs::write(&hosts, format!("127.0.0.1 localhost\n{node} {ECR}\n")).unwrap();

    // Only this process and its children see that file as /etc/hosts.
    let output = Command::new("unshare")
        .args([
            "--mount",
            "sh",
            "-ec",
            "mount --bind \"$0\" /etc/hosts; exec \"$@\"",
        ])
        .arg(&hosts)
        .arg(program("ship"))
        .args([
            "deploy",
            "--context",
            cluster.kubectl.context(),
            "--overlay",
        ])
        .arg(local())
        .args(["--repo", ECR, "--platform", "linux/amd64,linux/arm64"])
        .arg("--ca-file")
        .arg(cluster.state().join("pki/ca.crt"))
        .arg("--imagebuilder")
        .arg(program("imagebuilder"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        // No `docker login` here: the password comes from ECR.
        .env("DOCKER_CONFIG", &scratch)
        .env("AWS_ENDPOINT_URL_ECR", &moto.endpoint)
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        // The region is in the registry's name, whatever the environment says.
        .env("AWS_REGION", "us-east-1")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(
        !stderr.contains("auth-token"),
        "a password is shown:\n{stderr}"
    );
    let image = cluster.field(".spec.template.spec.containers[0].image");
    assert!(
        image.starts_with(&format!("{ECR}/rust-k8s-app@sha256:")),
        "{image}"
    );
    assert_eq!(cluster.pods().len(), 3);
}
