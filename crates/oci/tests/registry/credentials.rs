//! Which servers receive which credentials, and that no others do.

use std::io::Read;
use std::sync::Arc;

use oci::registry::{Credentials, Repository, Secret};
use oci::{Descriptor, MediaType};
use test_registry::{Action, Auth, Behaviour, Fault, TestRegistry};

use crate::fixture::{NAME, anyone, cause, image, push, settings, someone};

#[test]
fn credentials_are_sent_where_they_are_required() {
    for auth in [
        Auth::Basic("AWS".into(), "hunter2".into()),
        Auth::Bearer("AWS".into(), "hunter2".into(), 1000),
        // Tokens expire every few requests, in the middle of the work; each of four workers can use a new
        // one.
        Auth::Bearer("AWS".into(), "hunter2".into(), 8),
    ] {
        let bearer = matches!(auth, Auth::Bearer(..));
        let registry = TestRegistry::start(Behaviour {
            auth,
            ..Behaviour::default()
        });
        let image = image();
        let repository =
            Repository::push(&registry.reference(NAME), settings(), someone()).unwrap();
        push(&image, &repository, &["v1"]).unwrap();
        assert_eq!(registry.tag(NAME, "v1"), Some(image.root.digest));
        let seen = registry.seen();
        if bearer {
            let token = seen.iter().find(|seen| seen.path == "/token").unwrap();
            assert_eq!(
                token.query,
                "service=test&scope=repository%3Ateam%2Fapp%3Apull%2Cpush"
            );
            let password = seen.iter().filter(|seen| {
                seen.authorization
                    .as_ref()
                    .is_some_and(|shown| shown.starts_with("Basic"))
            });
            assert!(password.into_iter().all(|seen| seen.path == "/token"));
        }
    }
}

#[test]
fn many_requests_at_once_fetch_one_token() {
    let auth = Auth::Bearer("AWS".into(), "hunter2".into(), 1000);
    let registry = TestRegistry::start(Behaviour {
        auth,
        ..Behaviour::default()
    });
    let repository = Repository::pull(&registry.reference(NAME), settings(), someone()).unwrap();
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                assert_eq!(repository.resolve("none").unwrap(), None);
            });
        }
    });
    let tokens = registry
        .seen()
        .into_iter()
        .filter(|seen| seen.path == "/token")
        .count();
    assert_eq!(tokens, 1);
}

#[test]
fn an_identity_token_is_exchanged_by_post() {
    let auth = Auth::Bearer("x".into(), "y".into(), 1000);
    let registry = TestRegistry::start(Behaviour {
        auth,
        ..Behaviour::default()
    });
    let keychain = Arc::new(Credentials::IdentityToken(Secret::new("identity")));
    let repository = Repository::push(&registry.reference(NAME), settings(), keychain).unwrap();
    push(&image(), &repository, &["v1"]).unwrap();
    let seen = registry.seen();
    let token = seen.iter().find(|seen| seen.path == "/token").unwrap();
    assert_eq!(
        (token.method.as_str(), token.authorization.as_ref()),
        ("POST", None)
    );
}

#[test]
fn refused_credentials_are_reported_without_the_secret() {
    for auth in [
        Auth::Basic("AWS".into(), "other".into()),
        Auth::Bearer("AWS".into(), "other".into(), 1000),
    ] {
        let registry = TestRegistry::start(Behaviour {
            auth,
            ..Behaviour::default()
        });
        let image = image();
        let check = |keychain, expected: &str| {
            let repository =
                Repository::push(&registry.reference(NAME), settings(), keychain).unwrap();
            let error = push(&image, &repository, &["v1"]).unwrap_err();
            let error = cause(&error);
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.status(), Some(401));
            let debug = format!("{error:?} {repository:?}");
            assert!(
                !debug.contains("hunter2") && !debug.contains("QVdTOmh1bnRlcjI"),
                "{debug}"
            );
        };
        check(someone(), "the registry refuses the credentials");
        check(
            anyone(),
            "the registry requires credentials, and none are configured for it",
        );
        assert!(registry.seen().len() < 20, "a refusal is not retried");
    }
}

#[test]
fn credentials_stay_with_the_registry() {
    let storage = TestRegistry::start(Behaviour::default());
    let auth = Auth::Basic("AWS".into(), "hunter2".into());
    let registry = TestRegistry::start(Behaviour {
        auth,
        ..Behaviour::default()
    });
    let digest = storage.put_blob(b"content");
    let there = format!(
        "http://{}/v2/storage/blobs/{digest}?X-Signature=s",
        storage.host()
    );
    let action = Action::Respond(307, vec![("location", there)], "");
    registry.fault(Fault {
        method: "GET",
        path: "/blobs/",
        after: 1,
        times: 1,
        action,
    });
    let repository = Repository::pull(&registry.reference(NAME), settings(), someone()).unwrap();
    let descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, b"content");
    let mut bytes = Vec::new();
    repository
        .blob(&descriptor)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert_eq!(bytes, b"content");
    assert_eq!(registry.faults_left(), 0);
    assert!(
        storage
            .seen()
            .iter()
            .all(|seen| seen.authorization.is_none())
    );
}

/// Other requests may use up a token before the one that fetched it is sent. That does not count as a
/// refusal of the credentials.
#[test]
fn a_token_that_other_requests_used_up_is_fetched_again() {
    let auth = Auth::Bearer("AWS".into(), "hunter2".into(), 4);
    let registry = TestRegistry::start(Behaviour {
        auth,
        ..Behaviour::default()
    });
    let repository = Repository::pull(&registry.reference(NAME), settings(), someone()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..40 {
                    assert_eq!(repository.resolve("none").unwrap(), None);
                }
            });
        }
    });
}
