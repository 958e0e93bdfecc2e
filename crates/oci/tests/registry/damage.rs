//! Content that does not match its digest.

use oci::copy::copy;
use oci::layout::Layout;
use oci::registry::{Problem, Repository, Settings};
use oci::{Digest, Mismatch};
use test_registry::{Action, Behaviour, Fault, TestRegistry};

use crate::fixture::{NAME, anyone, cause, image, push, repository, settings};

#[test]
fn damaged_content_is_not_pushed() {
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
fn damaged_content_is_not_pulled() {
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
        assert_eq!(layout.entries().unwrap(), []);
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
    check("/blobs/", Action::Respond(404, vec![], ""), ": 404");
}

#[test]
fn a_pull_by_digest_returns_that_content_or_fails() {
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
