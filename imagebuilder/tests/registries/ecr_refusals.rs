//! What moto cannot simulate: Amazon ECR whose API issues another token each time and denies the creation of
//! a repository, and whose registry refuses a token in the middle of a push.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use test_registry::{Action, Auth, Behaviour, Fault, TestRegistry};

use crate::ECR;
use crate::sandbox::{Run, Sandbox, clear_environment};
use crate::services::built;

const PUBLIC: &str = "public.ecr.aws";

/// ECR's API, and the operations that were called.
struct Api {
    port: u16,
    called: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let called = Arc::new(Mutex::new(Vec::new()));
        let calls = Arc::clone(&called);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &calls);
            }
        });
        Self { port, called }
    }

    fn calls(&self, operation: &str) -> usize {
        let called = self.called.lock().unwrap();
        called.iter().filter(|name| *name == operation).count()
    }
}

/// Responds to one request, and closes the connection.
fn answer(mut stream: &TcpStream, called: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let (mut operation, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line == "\r\n" {
                break;
            }
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "x-amz-target" => value.clone_into(&mut operation),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let public = operation.starts_with("SpencerFrontendService.");
    let operation = operation.rsplit('.').next().unwrap().to_owned();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let number = {
        let mut called = called.lock().unwrap();
        called.push(operation.clone());
        called.iter().filter(|name| **name == operation).count()
    };
    let (status, body) = match operation.as_str() {
        "GetAuthorizationToken" => {
            let token = STANDARD.encode(format!("AWS:token-{number}"));
            let data = format!(r#"{{"authorizationToken":"{token}","expiresAt":99999999999}}"#);
            let data = if public { data } else { format!("[{data}]") };
            (200, format!(r#"{{"authorizationData":{data}}}"#))
        }
        "DescribeRepositories" => (
            400,
            failure("RepositoryNotFoundException", "no such repository"),
        ),
        "CreateRepository" => (
            400,
            failure("AccessDeniedException", "not authorized to create"),
        ),
        other => panic!("{other} is not expected"),
    };
    let mut text = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n");
    write!(text, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
}

fn failure(code: &str, message: &str) -> String {
    format!(r#"{{"__type":"{code}","message":"{message}"}}"#)
}

/// Pushes to `repo`, a prefix in a registry of ECR.
fn push(sandbox: &Sandbox, repo: &str, api: &Api, more: &[&str]) -> Run {
    let args = [
        "push",
        "oci:img",
        "--tag",
        "v1",
        "--plain-http",
        "--repo",
        repo,
    ];
    run(sandbox, api, &[&args, more].concat())
}

/// The registry by the host name of a private one in ECR.
fn private(registry: &TestRegistry) -> String {
    format!("{ECR}:{}", port(registry))
}

/// An alias in the public registry, by its host name.
fn public(registry: &TestRegistry) -> String {
    format!("{PUBLIC}:{}/alias", port(registry))
}

fn port(registry: &TestRegistry) -> String {
    registry.host().rsplit(':').next().unwrap().to_owned()
}

/// Runs imagebuilder with ECR's names resolving to this machine, and with AWS credentials.
fn run(sandbox: &Sandbox, api: &Api, args: &[&str]) -> Run {
    let hosts = format!("127.0.0.1 localhost {ECR} {PUBLIC}\n");
    fs::write(sandbox.path().join("hosts"), hosts).unwrap();
    let script = "mount --bind hosts /etc/hosts; exec \"$@\"";
    let mut command = Command::new("unshare");
    clear_environment(&mut command)
        .args(["--mount", "sh", "-ec", script, "sh"])
        .arg(env!("CARGO_BIN_EXE_imagebuilder"))
        .args(args)
        .args(["--docker-config", "none"])
        .current_dir(sandbox.path())
        .env("HOME", sandbox.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", api.port))
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "hunter2");
    Run::of(sandbox.path(), command.output().unwrap())
}

/// The registry refuses one request with a challenge, as when a token has expired.
fn unauthorized(method: &'static str, path: &'static str) -> Fault {
    let challenge = ("www-authenticate", "Basic realm=\"ecr\"".to_owned());
    let body =
        r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired."}]}"#;
    Fault {
        method,
        path,
        after: 0,
        times: 1,
        action: Action::Respond(401, vec![challenge], body),
    }
}

#[test]
fn a_token_that_is_refused_in_the_middle_of_a_push_is_renewed() {
    let (sandbox, built) = built();
    let registry = TestRegistry::start(Behaviour::default());
    registry.fault(unauthorized("HEAD", "/"));
    registry.fault(unauthorized("PUT", "/blobs/uploads/"));
    let api = Api::start();
    let run = push(&sandbox, &private(&registry), &api, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(registry.faults_left(), 0);
    assert_eq!(
        registry.tag("team/hello", "v1"),
        Some(built.digest().unwrap())
    );
    assert_eq!(api.calls("GetAuthorizationToken"), 2);
    let basic = |number| format!("Basic {}", STANDARD.encode(format!("AWS:token-{number}")));
    let seen = registry.seen();
    let last = seen.last().unwrap();
    assert_eq!(last.authorization, Some(basic(2)));
    assert!(seen.iter().any(|seen| seen.authorization == Some(basic(1))));
    for number in [1, 2] {
        assert!(
            !run.stderr.contains(&format!("token-{number}")),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_denied_creation_fails_if_the_registry_does_not_create_on_push() {
    let (sandbox, built) = built();
    let behaviour = |create_on_push| Behaviour {
        repositories: Some([].into()),
        create_on_push,
        ..Behaviour::default()
    };
    let api = Api::start();
    let registry = TestRegistry::start(behaviour(false));
    let run = push(
        &sandbox,
        &private(&registry),
        &api,
        &["--create-repository"],
    );
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    for expected in [
        "team/hello",
        "eu-west-1",
        "not authorized to create",
        "hint: ",
    ] {
        assert!(run.stderr.contains(expected), "{expected}: {}", run.stderr);
    }
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    assert_eq!(api.calls("CreateRepository"), 1);

    let registry = TestRegistry::start(behaviour(true));
    let run = push(
        &sandbox,
        &private(&registry),
        &api,
        &["--create-repository"],
    );
    assert_eq!(run.reference().digest(), built.digest(), "{}", run.stderr);
    assert!(run.stderr.contains("created"), "{}", run.stderr);
}

#[test]
fn a_copy_creates_the_repository_of_its_destination() {
    let (sandbox, _) = built();
    let copy = |registry: &TestRegistry, api: &Api, create: &[&str]| {
        let name = format!("{}/copies/hello:v1", private(registry));
        let args = ["copy", "oci:img", &name, "--plain-http"];
        run(&sandbox, api, &[&args, create].concat())
    };
    let start = |create_on_push| {
        TestRegistry::start(Behaviour {
            repositories: Some([].into()),
            create_on_push,
            ..Behaviour::default()
        })
    };
    let (api, registry) = (Api::start(), start(true));
    let copied = copy(&registry, &api, &["--create-repository"]);
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    assert!(
        copied.stderr.contains("created") && copied.stderr.contains("copies/hello"),
        "{}",
        copied.stderr
    );
    assert_eq!(api.calls("CreateRepository"), 1);

    let refused = copy(&start(false), &api, &["--create-repository"]);
    refused.fails(3, "not authorized to create");
    let missing = copy(&start(false), &api, &[]);
    missing.fails(1, "hint: a repository of Amazon ECR must exist");
    assert_eq!(api.calls("CreateRepository"), 2);
}

#[test]
fn ecr_public_is_read_without_credentials_and_written_with_aws_credentials() {
    let (sandbox, built) = built();
    let auth = |password: &str| Behaviour {
        auth: Auth::Bearer("AWS".into(), password.into(), 1000),
        public: true,
        ..Behaviour::default()
    };
    let api = Api::start();
    let registry = TestRegistry::start(auth("token-1"));
    let repo = public(&registry);
    let pushed = push(&sandbox, &repo, &api, &[]);
    assert_eq!(
        pushed.reference().digest(),
        built.digest(),
        "{}",
        pushed.stderr
    );
    assert!(registry.tag("alias/team/hello", "v1").is_some());
    assert_eq!(api.calls("GetAuthorizationToken"), 1);

    let name = format!("{repo}/team/hello:v1");
    let read = run(&sandbox, &api, &["digest", &name, "--plain-http"]);
    assert_eq!(
        read.stdout,
        format!("{}\n", built.digest().unwrap()),
        "{}",
        read.stderr
    );
    assert_eq!(api.calls("GetAuthorizationToken"), 1, "reading got a token");

    let denied = TestRegistry::start(auth("another"));
    let repo = public(&denied);
    let run = push(&sandbox, &repo, &api, &[]);
    run.fails(3, "ecr-public:PutImage");
    let refused = push(&sandbox, &repo, &api, &["--create-repository"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
}
