//! `make deploy` through Amazon ECR: moto issues the token and has the repository, the registry has ECR's
//! host name, and the kubelet logs in with a credential provider, as on an EKS node.
//!
//! Needs the cluster that `dev/cluster/run` starts on this machine, `unshare`, and
//! `moto_server` (on PATH or in `target/moto/bin`).

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::path::Path;

use e2e::cluster::{Cluster, local};
use e2e::lb_controller::with_hosts;
use e2e::moto::Moto;
use e2e::program;

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn a_deploy_pushes_to_and_pulls_from_ecr() {
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
    let output = with_hosts(&hosts, &program("ship"))
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
        .env("AWS_ENDPOINT_URL_ECR", moto.endpoint())
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        // The region in the registry's name takes precedence over the environment.
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
