//! Amazon ECR by moto and Debian's registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sandbox::Run;
use crate::services::{Registry, Service, built, free_port, sh};
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
