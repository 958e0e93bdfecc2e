//! The registry client and the copy engine against a registry that misbehaves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oci::copy::{CopyError, CopyEvent, copy};
use oci::image::{Index, Manifest};
use oci::layout::Layout;
use oci::registry::{
    Credentials, Keychain, Problem, RegistryError, Repository, Retry, Secret, Settings,
};
use oci::test_registry::{Action, Auth, Behaviour, Fault, TestRegistry};
use oci::{Descriptor, Digest, MediaType, Mismatch, Platform};

const NAME: &str = "team/app";

/// A layout with an index of two images that share a layer.
struct Image {
    _directory: tempfile::TempDir,
    layout: Layout,
    root: Descriptor,
}

fn image() -> Image {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).unwrap();
    let put = |media_type: &str, bytes: &[u8]| {
        layout.write_bytes(bytes).unwrap();
        Descriptor::of(media_type, bytes)
    };
    let base = put(MediaType::OCI_LAYER_GZIP, b"the base");
    let children = ["amd64", "arm64"].map(|architecture| {
        let layer = put(
            MediaType::OCI_LAYER_GZIP,
            architecture.repeat(1000).as_bytes(),
        );
        let config = put(
            MediaType::OCI_CONFIG,
            format!("{{\"a\":\"{architecture}\"}}").as_bytes(),
        );
        let (bytes, mut child) = Manifest::new(config, vec![base.clone(), layer]).to_bytes();
        layout.write_bytes(&bytes).unwrap();
        child.platform = Some(Platform::linux(architecture));
        child
    });
    let (bytes, root) = Index::new(children.to_vec()).to_bytes();
    layout.write_bytes(&bytes).unwrap();
    Image {
        _directory: directory,
        layout,
        root,
    }
}

fn settings() -> Settings {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(4));
    Settings {
        retry: Retry {
            attempts: 5,
            first,
            longest,
        },
        ..Settings::default()
    }
}

fn anyone() -> Arc<dyn Keychain> {
    Arc::new(Credentials::Anonymous)
}

fn someone() -> Arc<dyn Keychain> {
    let (username, password) = ("AWS".to_owned(), Secret::new("hunter2"));
    Arc::new(Credentials::Basic { username, password })
}

fn repository(registry: &TestRegistry) -> Repository {
    Repository::push(&registry.reference(NAME), settings(), anyone()).unwrap()
}

fn push(image: &Image, repository: &Repository, tags: &[&str]) -> Result<(), CopyError> {
    copy(&image.layout, repository, &image.root, tags, &|_| {})
}

/// The image is in the registry, whole, and named.
fn assert_there(registry: &TestRegistry, image: &Image, tag: &str) {
    assert_eq!(registry.tag(NAME, tag), Some(image.root.digest));
    let target = tempfile::tempdir().unwrap();
    let layout = Layout::create(target.path()).unwrap();
    copy(&repository(registry), &layout, &image.root, &["x"], &|_| {}).unwrap();
    for child in layout.index(&image.root).unwrap().manifests {
        for layer in layout.manifest(&child).unwrap().layers {
            io::copy(&mut layout.blob(&layer).unwrap(), &mut io::sink()).unwrap();
        }
    }
}

/// The registry's error inside a copy's.
fn cause(error: &CopyError) -> &RegistryError {
    match error {
        CopyError::Write { source, .. }
        | CopyError::Name { source, .. }
        | CopyError::Read { source, .. } => source.downcast_ref().unwrap(),
        CopyError::Document { .. } | CopyError::Kind { .. } => panic!("{error}"),
    }
}

#[test]
fn an_image_is_pushed_children_first_and_the_tag_last() {
    let (registry, image) = (TestRegistry::start(Behaviour::default()), image());
    let events = Mutex::new(Vec::new());
    let told = |event: CopyEvent<'_>| {
        events.lock().unwrap().push(match event {
            CopyEvent::Blob { sent, .. } => format!("blob {sent}"),
            CopyEvent::Document { descriptor, sent } => format!("{} {sent}", descriptor.digest),
            CopyEvent::Named(name) => name.to_owned(),
        });
    };
    copy(
        &image.layout,
        &repository(&registry),
        &image.root,
        &["v1", "v2"],
        &told,
    )
    .unwrap();
    assert_there(&registry, &image, "v1");
    assert_there(&registry, &image, "v2");
    let events = events.into_inner().unwrap();
    assert_eq!(events[..5], ["blob true"; 5], "the base is sent once");
    assert_eq!(
        events[7..],
        [
            format!("{} true", image.root.digest),
            "v1".into(),
            "v2".into()
        ]
    );
    let puts: Vec<_> = registry
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "PUT" && seen.path.contains("/manifests/"))
        .map(|seen| seen.path)
        .collect();
    assert!(
        puts[..3]
            .iter()
            .all(|path| path.contains("/manifests/sha256:")),
        "{puts:?}"
    );
    assert!(
        puts[3].ends_with("/v1") && puts[4].ends_with("/v2") && puts.len() == 5,
        "{puts:?}"
    );
}

#[test]
fn a_second_push_sends_nothing() {
    let (registry, image) = (TestRegistry::start(Behaviour::default()), image());
    push(&image, &repository(&registry), &["v1"]).unwrap();
    let before = registry.seen().len();
    push(&image, &repository(&registry), &["v1"]).unwrap();
    let seen = registry.seen();
    let methods: Vec<_> = seen[before..]
        .iter()
        .map(|seen| seen.method.as_str())
        .collect();
    assert_eq!(
        methods,
        ["HEAD", "HEAD"],
        "one for the index, one for the tag"
    );
}

#[test]
fn what_passes_is_tried_again() {
    let answer = |status| Action::Answer(status, vec![("retry-after", "0".to_owned())], "");
    let faults = [
        ("HEAD", "/blobs/", answer(503)),
        ("HEAD", "/manifests/", answer(429)),
        ("POST", "/blobs/uploads/", answer(500)),
        ("POST", "/blobs/uploads/", Action::CutAnswer),
        ("PUT", "/blobs/uploads/", answer(502)),
        ("PUT", "/blobs/uploads/", Action::CutRequest(3)),
        ("PUT", "/blobs/uploads/", Action::CutAnswer),
        ("PUT", "/blobs/uploads/", Action::Answer(404, vec![], "")),
        ("PUT", "/manifests/", answer(429)),
        ("PUT", "/manifests/sha256", Action::CutRequest(5)),
        ("PUT", "/manifests/v1", Action::CutAnswer),
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
fn what_does_not_pass_is_told_at_once() {
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
    // Up to four workers are under way when the first fails.
    check(
        "POST",
        "/blobs/uploads/",
        Action::Answer(403, vec![], denied),
        4,
        "POST http://HOST/v2/team/app/blobs/uploads/: 403 DENIED: no  [31m way",
    );
    check(
        "POST",
        "/blobs/uploads/",
        Action::NoLocation,
        4,
        "the answer has no valid Location",
    );
    check(
        "PUT",
        "/manifests/sha256",
        Action::Answer(400, vec![], "<html>"),
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
        4,
        "the registry has sha256:",
    );
    check(
        "HEAD",
        "/manifests/",
        Action::Answer(503, vec![], ""),
        5,
        ": 503",
    );
    check(
        "HEAD",
        "/manifests/",
        Action::CutAnswer,
        5,
        "HEAD http://HOST/v2/team/app/manifests/",
    );
    // From a registry on this machine a private address is no step inwards; a file is.
    let file = vec![("location", "file:///etc/passwd".to_owned())];
    check(
        "POST",
        "/uploads/",
        Action::Answer(202, file, ""),
        4,
        "it is no HTTP URL",
    );
}

#[test]
fn large_blobs_go_in_chunks_whatever_happens_to_them() {
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
        Some(("PATCH", Action::CutAnswer)),
        Some(("PATCH", Action::Answer(503, vec![], ""))),
        Some(("PATCH", Action::Answer(416, vec![], ""))),
        Some(("PUT", Action::Answer(500, vec![], ""))),
        Some(("PUT", Action::CutAnswer)),
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
                assert!(
                    repository.push_blob(&descriptor, &open).unwrap(),
                    "{fault:?}"
                );
                assert_eq!(
                    registry.blob(descriptor.digest),
                    Some(bytes.clone()),
                    "{fault:?}"
                );
                let patches = registry
                    .seen()
                    .into_iter()
                    .filter(|seen| seen.method == "PATCH");
                let least = behaviour.chunk_min_bytes.map_or(4, |_| 3);
                assert!(patches.count() >= least);
            }
        }
    }
}

#[test]
fn a_cut_chunk_does_not_cost_the_others() {
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

#[test]
fn what_is_damaged_here_is_not_stored_there() {
    let (registry, image) = (TestRegistry::start(Behaviour::default()), image());
    let child = &image.layout.index(&image.root).unwrap().manifests[0];
    let layer = &image.layout.manifest(child).unwrap().layers[1];
    let path = image.layout.blob_path(&layer.digest);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for monolithic_bytes in [1_000_000, 1] {
        let settings = Settings {
            monolithic_bytes,
            chunk_bytes: 1000,
            ..settings()
        };
        let repository = Repository::push(&registry.reference(NAME), settings, anyone()).unwrap();
        let error = push(&image, &repository, &["v1"]).unwrap_err();
        let problem = &*cause(&error).problem;
        assert!(
            matches!(problem, Problem::Mismatch(Mismatch::Digest { .. })),
            "{problem:?}"
        );
        assert_eq!(registry.blob(layer.digest), None);
        assert_eq!(registry.tag(NAME, "v1"), None);
    }
}

#[test]
fn what_is_damaged_there_is_not_taken() {
    let check = |path, action: Action, expected: &str| {
        let (registry, image) = (TestRegistry::start(Behaviour::default()), image());
        push(&image, &repository(&registry), &["v1"]).unwrap();
        registry.fault(Fault {
            method: "GET",
            path,
            after: 0,
            times: 100,
            action,
        });
        let target = tempfile::tempdir().unwrap();
        let layout = Layout::create(target.path()).unwrap();
        let error = copy(
            &repository(&registry),
            &layout,
            &image.root,
            &["x"],
            &|_| {},
        )
        .unwrap_err();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        assert!(text.contains(expected), "{text}");
        assert_eq!(layout.images().unwrap(), []);
    };
    check("/blobs/", Action::DamageBody, "is damaged: its digest is");
    check(
        "/manifests/",
        Action::DamageBody,
        "is damaged: its digest is",
    );
    check(
        "/manifests/",
        Action::OtherDigest,
        "is damaged: its digest is",
    );
    check("/blobs/", Action::CutBody, "");
    check("/blobs/", Action::Answer(404, vec![], ""), ": 404");
}

#[test]
fn credentials_are_shown_where_they_are_wanted() {
    for auth in [
        Auth::Basic("AWS".into(), "hunter2".into()),
        Auth::Bearer("AWS".into(), "hunter2".into(), 1000),
        // A token that runs out every few requests, in the middle of everything; enough for each of
        // four workers to use a new one.
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
fn refused_credentials_are_told_without_them() {
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
            "the registry wants credentials, and none are known for it",
        );
        assert!(registry.seen().len() < 20, "a refusal is not tried again");
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
    let action = Action::Answer(307, vec![("location", there)], "");
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

#[test]
fn an_immutable_tag_is_a_success_when_it_is_the_same() {
    let behaviour = Behaviour {
        immutable_tags: true,
        ..Behaviour::default()
    };
    let (registry, image) = (TestRegistry::start(behaviour), image());
    push(&image, &repository(&registry), &["v1"]).unwrap();
    push(&image, &repository(&registry), &["v1"]).unwrap();
    // The answer to the PUT is lost, and the next is refused since the first arrived.
    let action = Action::CutAnswer;
    registry.fault(Fault {
        method: "PUT",
        path: "/manifests/v2",
        after: 0,
        times: 1,
        action,
    });
    push(&image, &repository(&registry), &["v2"]).unwrap();
    // Another image under the same tag is refused.
    let child = image.layout.index(&image.root).unwrap().manifests[0].clone();
    let error = copy(
        &image.layout,
        &repository(&registry),
        &child,
        &["v1"],
        &|_| {},
    )
    .unwrap_err();
    assert_eq!(cause(&error).code(), Some("TAG_INVALID"));
    assert_eq!(registry.tag(NAME, "v1"), Some(image.root.digest));
}

#[test]
fn a_repository_that_does_not_exist_is_told_so() {
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

#[test]
fn a_silent_registry_is_asked_after() {
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
fn a_registry_that_is_not_there_is_unreachable() {
    let registry = TestRegistry::start(Behaviour::default());
    let repository = repository(&registry);
    drop(registry);
    let error = repository.resolve("v1").unwrap_err();
    assert!(matches!(*error.problem, Problem::Unreachable(_)), "{error}");
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let on_retry: oci::registry::OnRetry =
        Arc::new(move |what, _, pause| log.lock().unwrap().push((what.to_owned(), pause)));
    let settings = Settings {
        on_retry: Some(on_retry),
        ..settings()
    };
    let reference = "127.0.0.1:1/x".parse().unwrap();
    let repository = Repository::push(&reference, settings, anyone()).unwrap();
    assert!(repository.resolve("v1").is_err());
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 4, "five attempts have four pauses");
    assert!(
        told.iter()
            .all(|(_, pause)| *pause <= Duration::from_millis(4))
    );
}

#[test]
fn a_digest_is_what_is_asked_for() {
    let (registry, image) = (TestRegistry::start(Behaviour::default()), image());
    push(&image, &repository(&registry), &["v1"]).unwrap();
    let repository = repository(&registry);
    assert_eq!(
        repository.manifest("v1").unwrap().descriptor.digest,
        image.root.digest
    );
    let other = Digest::of(b"other");
    assert_eq!(
        repository
            .manifest(&other.to_string())
            .unwrap_err()
            .status(),
        Some(404)
    );
}
