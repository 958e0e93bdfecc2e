//! The messages and exit codes of refusals.

use test_registry::{Action, Auth, Behaviour, Fault, TestRegistry};

use crate::sandbox::QUIET;
use crate::services::{built, push};

#[test]
fn errors_have_a_hint_and_their_exit_code() {
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
            "the registry requires credentials",
            "hint: `imagebuilder login 127.0.0.1:",
        ],
    );
    let denied = r#"{"errors":[{"code":"DENIED","message":"not authorized"}]}"#;
    check(
        plain(),
        fault("PUT", "/manifests/v1", Action::Respond(403, vec![], denied)),
        3,
        &["/manifests/v1: 403 DENIED: not authorized\nhint: `imagebuilder login"],
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
        run.stderr
            .contains("--create-repository is for private registries in Amazon ECR"),
        "{}",
        run.stderr
    );
    let run = push(&sandbox, "someone", &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("names no registry"), "{}", run.stderr);
}
