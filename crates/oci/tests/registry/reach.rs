//! Registries and repositories that do not exist, or do not respond.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use oci::registry::{Problem, Repository, Settings};
use test_registry::{Action, Behaviour, Fault, TestRegistry};

use crate::fixture::{NAME, anyone, assert_there, cause, image, push, repository, settings};

#[test]
fn a_missing_repository_is_reported_as_missing() {
    let repositories = Some(["other".to_owned()].into());
    let registry = TestRegistry::start(Behaviour {
        repositories,
        ..Behaviour::default()
    });
    let error = push(&image(), &repository(&registry), &["v1"]).unwrap_err();
    assert_eq!(
        (cause(&error).status(), cause(&error).code()),
        (Some(404), Some("NAME_UNKNOWN"))
    );
    registry.create_repository(NAME);
    push(&image(), &repository(&registry), &["v1"]).unwrap();
}

/// The response to a HEAD has no body, and so no reason.
#[test]
fn the_reason_of_a_refused_head_is_requested() {
    let denied = r#"{"errors":[{"code":"DENIED","message":"the quota is used up"}]}"#;
    for (path, method) in [
        ("/blobs/", "GET"),
        ("/manifests/", "GET"),
        ("/blobs/", "HEAD"),
    ] {
        let registry = TestRegistry::start(Behaviour::default());
        for method in ["HEAD", method] {
            registry.fault(Fault {
                method,
                path,
                after: 0,
                times: 9,
                action: Action::Respond(403, vec![], denied),
            });
        }
        let error = push(&image(), &repository(&registry), &["v1"]).unwrap_err();
        let error = cause(&error);
        assert_eq!(error.status(), Some(403), "{error}");
        let code = (method == "GET").then_some("DENIED");
        assert_eq!(error.code(), code, "{error}");
    }
}

#[test]
fn requests_to_a_silent_registry_are_retried() {
    let behaviour = Behaviour {
        silent: true,
        ..Behaviour::default()
    };
    let (registry, image) = (TestRegistry::start(behaviour), image());
    push(&image, &repository(&registry), &["v1"]).unwrap();
    assert_there(&registry, &image, "v1");
    assert_eq!(
        repository(&registry).resolve("v1").unwrap(),
        Some(image.root.digest)
    );
    assert_eq!(repository(&registry).resolve("none").unwrap(), None);
}

#[test]
fn a_refused_connection_is_reported_as_unreachable() {
    let registry = TestRegistry::start(Behaviour::default());
    let repository = repository(&registry);
    drop(registry);
    let error = repository.resolve("v1").unwrap_err();
    assert!(matches!(*error.problem, Problem::Unreachable(_)), "{error}");
    let reported = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&reported);
    let on_retry: oci::registry::OnRetry =
        Arc::new(move |what, _, pause| log.lock().unwrap().push((what.to_owned(), pause)));
    let settings = Settings {
        on_retry: Some(on_retry),
        ..settings()
    };
    let reference = "127.0.0.1:1/x".parse().unwrap();
    let repository = Repository::push(&reference, settings, anyone()).unwrap();
    assert!(repository.resolve("v1").is_err());
    let reported = reported.lock().unwrap();
    assert_eq!(reported.len(), 4, "five attempts have four pauses");
    assert!(
        reported
            .iter()
            .all(|(_, pause)| *pause <= Duration::from_millis(4))
    );
}
