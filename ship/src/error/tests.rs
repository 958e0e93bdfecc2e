//! The exit code of every variant that can reach `main`. The matches have no wildcard, so a new variant
//! does not compile without an exit code; this table lists them in one place.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use cli::{Exit, ExitError as _};

use super::*;
use crate::aws::AwsError;
use crate::image::ImageError;
use crate::kubectl::KubectlError;
use crate::kustomize::KustomizeError;
use crate::manifests::ManifestError;
use crate::preflight::{PreflightError, Problem};

fn text() -> String {
    "x".to_owned()
}

fn io_error() -> io::Error {
    io::Error::other("x")
}

fn yaml_error() -> serde_saphyr::Error {
    serde_saphyr::from_str::<bool>("[").unwrap_err()
}

fn kubectl(message: &str) -> KubectlError {
    KubectlError::Failed {
        command: "get pods".to_owned(),
        message: message.to_owned(),
    }
}

#[track_caller]
fn check<E: Into<ShipError>>(exit: Exit, errors: impl IntoIterator<Item = E>) {
    for error in errors {
        let error = error.into();
        assert_eq!(error.exit(), exit, "{error:?}");
        assert!(!error.to_string().ends_with('.'), "{error}");
        // Transparent variants must not repeat themselves among their causes.
        if let Some(source) = std::error::Error::source(&error) {
            assert_ne!(source.to_string(), error.to_string());
        }
    }
}

#[test]
fn kubectl_errors_have_the_exit_code_for_kubectls_message() {
    let json = || serde_json::from_str::<bool>("{").unwrap_err();
    check(
        Exit::Usage,
        [
            KubectlError::Start(io_error()),
            KubectlError::NoContext { known: Vec::new() },
            KubectlError::UnknownContext {
                context: text(),
                known: vec![text()],
            },
        ],
    );
    check(
        Exit::Unreachable,
        [
            kubectl("Unable to connect to the server: dial tcp: lookup x: no such host"),
            kubectl("The connection to the server x:6443 was refused - did you specify …"),
        ],
    );
    check(
        Exit::Authentication,
        [
            kubectl("error: You must be logged in to the server (Unauthorized)"),
            kubectl("Unable to load: getting credentials: exec: executable aws failed"),
            kubectl("Error from server (Forbidden): pods is forbidden"),
        ],
    );
    check(
        Exit::Failed,
        [
            kubectl("Error from server (NotFound): pods \"x\" not found"),
            kubectl("Error from server (InternalError): x"),
            KubectlError::Json {
                command: text(),
                source: json(),
            },
        ],
    );
}

#[test]
fn manifests_that_cannot_be_deployed_are_a_usage_error() {
    let folder = text;
    check(
        Exit::Usage,
        [
            ManifestError::Placeholder {
                folder: folder(),
                line: text(),
            },
            ManifestError::Missing {
                folder: folder(),
                kind: "Service",
            },
            ManifestError::NoHost { folder: folder() },
            ManifestError::Yaml {
                folder: folder(),
                source: yaml_error(),
            },
        ],
    );
    let unreachable = || kubectl("Unable to connect to the server");
    check(
        Exit::Usage,
        [
            KustomizeError::NoOverlay {
                folder: folder(),
                known: Vec::new(),
            },
            KustomizeError::NoComponent {
                folder: folder(),
                component: text(),
                offered: Vec::new(),
            },
            KustomizeError::Replaces {
                folder: folder(),
                component: text(),
            },
            KustomizeError::Excludes {
                one: text(),
                other: text(),
            },
            KustomizeError::Kubectl(KubectlError::Start(io_error())),
            KustomizeError::Failed {
                folder: folder(),
                message: text(),
            },
        ]
        .map(ManifestError::from),
    );
    check(
        Exit::Failed,
        [ManifestError::from(KustomizeError::Scratch(io_error()))],
    );
    check(
        Exit::Unreachable,
        [ManifestError::from(KustomizeError::Kubectl(unreachable()))],
    );
}

#[test]
fn an_image_passes_imagebuilders_exit_code_on() {
    check(
        Exit::Usage,
        [
            ImageError::NoDestination,
            ImageError::Others {
                image: text(),
                others: Vec::new(),
            },
            ImageError::Aws(AwsError::Region(text())),
            ImageError::Aws(AwsError::Start(io_error())),
            ImageError::Start {
                program: PathBuf::new(),
                source: io_error(),
            },
            ImageError::Manifests(ManifestError::NoHost { folder: text() }),
        ],
    );
    check(
        Exit::Authentication,
        [ImageError::Aws(AwsError::Identity(text()))],
    );
    for exit in Exit::ALL {
        let status = ExitStatus::from_raw(i32::from(exit.code()) << 8);
        check(exit, [ImageError::Build(status)]);
    }
    check(
        Exit::Failed,
        [
            ImageError::Build(ExitStatus::from_raw(9)),
            ImageError::Build(ExitStatus::from_raw(77 << 8)),
        ],
    );
}

#[test]
fn preflight_has_the_exit_code_of_its_first_problem() {
    let problems = |problem| PreflightError::Problems {
        overlay: text(),
        context: text(),
        problems: vec![problem],
    };
    check(
        Exit::Usage,
        [
            problems(Problem::WrongCluster {
                wanted: "x",
                found: text(),
            }),
            problems(Problem::NoController {
                class: text(),
                controller: "x",
            }),
            problems(Problem::NoKinds {
                version: text(),
                kinds: vec![text()],
            }),
            problems(Problem::NoGateWebhook),
            problems(Problem::GatesMayBeSkipped),
            problems(Problem::NoClass {
                kind: "IngressClass",
                name: text(),
            }),
            problems(Problem::SubnetsUnknown(text())),
        ],
    );
    check(Exit::Authentication, [problems(Problem::NotAllowed)]);
    check(Exit::Failed, [problems(Problem::NamespaceTerminating)]);
    check(
        Exit::Authentication,
        [PreflightError::Kubectl(kubectl("Unauthorized"))],
    );
}

#[test]
fn failed_rollouts_and_tests_exit_with_1() {
    check(
        Exit::Failed,
        [RolloutError {
            what: text(),
            namespace: text(),
            after: Duration::ZERO,
            findings: Vec::new(),
        }],
    );
    check(
        Exit::Usage,
        [
            SmokeError::Url(text()),
            SmokeError::InsideTls,
            SmokeError::Ca {
                path: PathBuf::new(),
                source: io_error(),
            },
        ],
    );
    check(
        Exit::Failed,
        [
            SmokeError::NoAnswer {
                url: text(),
                source: ureq::Error::HostNotFound,
            },
            SmokeError::Answer {
                url: text(),
                problem: text(),
            },
            SmokeError::Inside {
                url: text(),
                problem: text(),
            },
            SmokeError::Pods {
                url: text(),
                missing: text(),
                answered: text(),
                after: Duration::ZERO,
            },
        ],
    );
    check(Exit::Usage, [RolloutTestError::Https(text())]);
    check(
        Exit::Failed,
        [
            RolloutTestError::Start(io_error()),
            RolloutTestError::Load(io_error()),
            RolloutTestError::Resolve {
                host: text(),
                source: io_error(),
            },
            RolloutTestError::NoAddress(text()),
            RolloutTestError::NoPod,
            RolloutTestError::Terminating(Duration::ZERO),
            RolloutTestError::Lost { failed: 1, sent: 2 },
        ],
    );
}

#[test]
fn a_node_that_does_not_exist_is_a_usage_error() {
    let node = text;
    check(
        Exit::Usage,
        [
            NodeError::Unknown {
                context: text(),
                node: node(),
                known: Vec::new(),
            },
            NodeError::Read {
                path: PathBuf::new(),
                source: io_error(),
            },
            NodeError::Yaml {
                path: PathBuf::new(),
                source: yaml_error(),
            },
        ],
    );
    check(
        Exit::Failed,
        [
            NodeError::CannotStart {
                node: node(),
                reason: text(),
                message: text(),
            },
            NodeError::NotStarted {
                node: node(),
                after: Duration::ZERO,
            },
            NodeError::NoExitCode { node: node() },
        ],
    );
    check(
        Exit::Failed,
        [
            ShipError::NotDeployed { context: text() },
            ShipError::Stdout(io_error()),
            ShipError::Output {
                file: PathBuf::from("x"),
                source: io_error(),
            },
        ],
    );
}

#[test]
fn an_incomplete_undeploy_is_a_failure() {
    check(
        Exit::Failed,
        [
            UndeployError::HoldsData {
                namespace: text(),
                claims: text(),
            },
            UndeployError::Held {
                object: text(),
                namespace: text(),
                holders: Vec::new(),
                event: None,
                after: Duration::ZERO,
            },
            UndeployError::Namespace {
                namespace: text(),
                reasons: Vec::new(),
            },
        ],
    );
}
