//! The services that the tests start, and an image to push.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::sandbox::{QUIET, Run, Sandbox, clear_environment};
use crate::{ECR, PASSWORD};

/// A process that is killed when the test finishes.
pub(crate) struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Service {
    /// Starts `command` and waits until something listens on `port`.
    pub(crate) fn start(command: &mut Command, port: u16) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        // The registry also takes its configuration from variables, whose names begin like Podman's.
        let child = clear_environment(command)
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

pub(crate) fn sh(directory: &Path, script: &str) -> String {
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
pub(crate) struct Registry {
    directory: tempfile::TempDir,
    pub(crate) port: u16,
    _service: Service,
}

impl Registry {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = test_programs::free_port();
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

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// The file with the content of a blob.
    pub(crate) fn blob(&self, digest: oci::Digest) -> std::path::PathBuf {
        let hex = digest.hex();
        let path = format!(
            "data/docker/registry/v2/blobs/sha256/{}/{hex}/data",
            &hex[..2]
        );
        self.directory.path().join(path)
    }

    pub(crate) fn skopeo(&self, arguments: &str) -> String {
        let script = format!(
            "skopeo {arguments} --cert-dir certs --authfile login/config.json \
             docker://localhost:{}/team/team/hello:v1",
            self.port
        );
        sh(self.directory.path(), &script)
    }
}

/// A sandbox whose layout `img` has an image for two platforms, and the image's reference.
pub(crate) fn built() -> (Sandbox, oci::Reference) {
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

pub(crate) fn push(sandbox: &Sandbox, repo: &str, more: &[&str]) -> Run {
    let mut args = vec!["push", "oci:img", "--repo", repo, "--docker-config", "none"];
    args.extend(more);
    sandbox.run(&args)
}
