//! moto, in place of AWS's API.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

/// How long it may take to listen.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// A running `moto_server`. Dropping it stops it.
#[derive(Debug)]
pub struct Moto {
    process: Child,
    endpoint: String,
}

impl Moto {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When it is not installed, or does not listen.
    pub fn start() -> Self {
        let port = test_programs::free_port();
        let process = Command::new(installed("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto_server can be run; `dev/install test` installs it");
        let moto = Self {
            process,
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < START_TIMEOUT,
                "moto_server does not listen"
            );
            sleep(Duration::from_millis(100));
        }
        moto
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The environment in which AWS's programs use it.
    pub fn environment(&self) -> [(&'static str, &str); 6] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_DEFAULT_OUTPUT", "text"),
            // moto responds with errors if it lacks an API.
            ("AWS_MAX_ATTEMPTS", "1"),
        ]
    }

    /// What the AWS CLI prints.
    ///
    /// # Panics
    /// When it is not installed, or fails.
    #[track_caller]
    pub fn aws(&self, arguments: &str) -> String {
        let mut aws = Command::new(installed("aws"));
        aws.args(arguments.split_whitespace());
        let output = aws.envs(self.environment()).output();
        let output = output.expect("the AWS CLI can be run; `dev/install test` installs it");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "aws {arguments}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Creates an EKS cluster in a VPC, which moto takes as a parameter instead of finding it by the subnets.
    ///
    /// # Panics
    /// When moto refuses it.
    pub fn create_cluster(&self, name: &str, vpc: &str) {
        // moto finds the service by the scope of the signature, which it does not verify.
        let scope = "AWS4-HMAC-SHA256 Credential=key/20260101/eu-west-1/eks/aws4_request";
        ureq::post(format!("{}/clusters", self.endpoint))
            .header("Content-Type", "application/json")
            .header(
                "Authorization",
                format!("{scope}, SignedHeaders=host, Signature=0"),
            )
            .send(
                json!({
                    "name": name,
                    "roleArn": "arn:aws:iam::123456789012:role/eks",
                    "resourcesVpcConfig": {"vpcId": vpc, "subnetIds": []},
                })
                .to_string(),
            )
            .expect("moto creates the cluster");
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A program of the AWS tools: the one that `dev/install` put beside moto, else the one on PATH.
pub fn installed(name: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/moto/bin")
        .join(name);
    if beside.is_file() {
        beside
    } else {
        PathBuf::from(name)
    }
}
