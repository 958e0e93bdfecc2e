//! Which errors are retried and which are not, and how large blobs are resumed.

use std::io::{self, Read};

use oci::copy::Stored;
use oci::registry::{Repository, Settings};
use oci::{Descriptor, MediaType};
use test_registry::{Action, Behaviour, Fault, TestRegistry};

use crate::fixture::{NAME, anyone, assert_there, cause, image, push, repository, settings};

#[test]
fn transient_errors_are_retried() {
    let response = |status| Action::Respond(status, vec![("retry-after", "0".to_owned())], "");
    let faults = [
        ("HEAD", "/blobs/", response(503)),
        ("HEAD", "/manifests/", response(429)),
        ("POST", "/blobs/uploads/", response(500)),
        ("POST", "/blobs/uploads/", Action::CutResponse),
        ("PUT", "/blobs/uploads/", response(502)),
        ("PUT", "/blobs/uploads/", Action::CutRequest(3)),
        ("PUT", "/blobs/uploads/", Action::CutResponse),
        ("PUT", "/blobs/uploads/", Action::Respond(404, vec![], "")),
        ("PUT", "/manifests/", response(429)),
        ("PUT", "/manifests/sha256", Action::CutRequest(5)),
        ("PUT", "/manifests/v1", Action::CutResponse),
    ];
    for (method, path, action) in faults {
        for (after, times) in [(0, 1), (0, 3), (1, 2)] {
            let (registry, image) = (TestRegistry::start(Behaviour::default()), image());
            let action = action.clone();
            let what = format!("{method} {path} {action:?}");
            registry.fault(Fault {
                method,
                path,
                after,
                times,
                action,
            });
            push(&image, &repository(&registry), &["v1"])
                .unwrap_or_else(|error| panic!("{what}: {error}: {:?}", cause(&error)));
            assert_there(&registry, &image, "v1");
        }
    }
}

#[test]
fn a_permanent_error_is_reported_at_once() {
    let denied = r#"{"errors":[{"code":"DENIED","message":"no\n\u001b[31m way"}]}"#;
    let check = |method, path, action: Action, requests: usize, expected: &str| {
        let (registry, image) = (TestRegistry::start(Behaviour::default()), image());
        registry.fault(Fault {
            method,
            path,
            after: 0,
            times: 100,
            action,
        });
        let error = push(&image, &repository(&registry), &["v1"]).unwrap_err();
        let text = cause(&error).to_string().replace(&registry.host(), "HOST");
        assert!(text.contains(expected), "{text}");
        assert!(
            !text.contains("_state") && !text.contains('\u{1b}'),
            "{text}"
        );
        let hits = registry
            .seen()
            .iter()
            .filter(|s| s.method == method && s.path.contains(path))
            .count();
        assert!(hits <= requests, "{hits} requests for {expected}");
        assert_eq!(registry.tag(NAME, "v1"), None);
    };
    // All five blobs may be under way when the first fails.
    check(
        "POST",
        "/blobs/uploads/",
        Action::Respond(403, vec![], denied),
        5,
        "POST http://HOST/v2/team/app/blobs/uploads/: 403 DENIED: no  [31m way",
    );
    check(
        "POST",
        "/blobs/uploads/",
        Action::NoLocation,
        5,
        "the response has no valid Location header",
    );
    check(
        "PUT",
        "/manifests/sha256",
        Action::Respond(400, vec![], "<html>"),
        1,
        ": 400",
    );
    check(
        "PUT",
        "/manifests/sha256",
        Action::OtherDigest,
        1,
        "the registry has sha256:",
    );
    check(
        "PUT",
        "/blobs/uploads/",
        Action::OtherDigest,
        5,
        "the registry has sha256:",
    );
    check(
        "HEAD",
        "/manifests/",
        Action::Respond(503, vec![], ""),
        5,
        ": 503",
    );
    check(
        "HEAD",
        "/manifests/",
        Action::CutResponse,
        5,
        "HEAD http://HOST/v2/team/app/manifests/",
    );
    // A registry on this machine may redirect to a private address, but not to a file.
    let file = vec![("location", "file:///etc/passwd".to_owned())];
    check(
        "POST",
        "/uploads/",
        Action::Respond(202, file, ""),
        5,
        "it is not an HTTP URL",
    );
}

#[test]
fn large_blobs_are_sent_in_chunks_whatever_fault_occurs() {
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, &bytes);
    let ecr = Behaviour {
        patch_status: 201,
        lagging_range: true,
        ..Behaviour::default()
    };
    let patient = Behaviour {
        chunk_min_bytes: Some(150_000),
        ..Behaviour::default()
    };
    let faults = [
        None,
        Some(("PATCH", Action::CutRequest(1000))),
        Some(("PATCH", Action::CutResponse)),
        Some(("PATCH", Action::Respond(503, vec![], ""))),
        Some(("PATCH", Action::Respond(416, vec![], ""))),
        Some(("PUT", Action::Respond(500, vec![], ""))),
        Some(("PUT", Action::CutResponse)),
    ];
    for behaviour in [Behaviour::default(), ecr, patient] {
        for fault in &faults {
            for after in [0, 1, 2] {
                let registry = TestRegistry::start(behaviour.clone());
                if let Some((method, action)) = fault.clone() {
                    let (path, times) = ("/uploads/", 1);
                    registry.fault(Fault {
                        method,
                        path,
                        after,
                        times,
                        action,
                    });
                }
                let settings = Settings {
                    monolithic_bytes: 1000,
                    chunk_bytes: 100_000,
                    ..settings()
                };
                let repository =
                    Repository::push(&registry.reference(NAME), settings, anyone()).unwrap();
                let open = || Ok(Box::new(io::Cursor::new(bytes.clone())) as Box<dyn Read + Send>);
                let stored = repository.push_blob(&descriptor, &open).unwrap();
                assert_eq!(stored, Stored::Sent, "{fault:?}");
                assert_eq!(
                    registry.blob(descriptor.digest),
                    Some(bytes.clone()),
                    "{fault:?}"
                );
                let patches = registry
                    .seen()
                    .into_iter()
                    .filter(|seen| seen.method == "PATCH");
                // A first chunk that is refused is not sent again: the blob is then sent in one request.
                let refused = matches!(fault, Some((_, Action::Respond(416, ..)))) && after == 0;
                let all = behaviour.chunk_min_bytes.map_or(4, |_| 3);
                let least = if refused { 1 } else { all };
                assert!(patches.count() >= least);
            }
        }
    }
}

#[test]
fn chunks_that_arrived_are_not_sent_again_after_a_cut() {
    let bytes = vec![7; 1_000_000];
    let descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, &bytes);
    let registry = TestRegistry::start(Behaviour::default());
    let action = Action::CutRequest(10);
    registry.fault(Fault {
        method: "PATCH",
        path: "/",
        after: 8,
        times: 1,
        action,
    });
    let settings = Settings {
        monolithic_bytes: 1,
        chunk_bytes: 100_000,
        ..settings()
    };
    let repository = Repository::push(&registry.reference(NAME), settings, anyone()).unwrap();
    let open = || Ok(Box::new(io::Cursor::new(bytes.clone())) as Box<dyn Read + Send>);
    repository.push_blob(&descriptor, &open).unwrap();
    let sent: u64 = registry.seen().iter().map(|seen| seen.body_bytes).sum();
    assert_eq!(sent, 1_000_010);
}
