//! Blobs that another repository of the same registry has.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use oci::copy::{Stored, copy};
use oci::registry::{Access, Registry, Repository};
use oci::{Descriptor, MediaType};
use test_registry::{Action, Behaviour, Fault, Profile, TestRegistry};

use crate::fixture::{NAME, anyone, assert_there, image, push, repository, settings, someone};

const BLOB: &[u8] = b"a layer of several images";

fn descriptor() -> Descriptor {
    Descriptor::of(MediaType::OCI_LAYER_GZIP, BLOB)
}

fn put(repository: &Repository) -> Stored {
    let open = || -> io::Result<Box<dyn Read + Send>> { Ok(Box::new(BLOB)) };
    repository.push_blob(&descriptor(), &open).unwrap()
}

fn sent_bytes(registry: &TestRegistry) -> u64 {
    registry.seen().iter().map(|seen| seen.body_bytes).sum()
}

#[test]
fn a_blob_of_several_repositories_is_sent_once_if_the_registry_mounts() {
    for profile in Profile::ALL {
        let behaviour = profile.behaviour("AWS", "hunter2");
        let mounts = behaviour.mounts;
        let server = TestRegistry::start(behaviour);
        let registry = Registry::new(&server.host(), settings(), someone()).unwrap();
        let repository = |name| registry.repository(name, Access::Push);
        assert_eq!(put(&repository("a")), Stored::Sent, "{profile:?}");
        let next = if mounts {
            Stored::Mounted
        } else {
            Stored::Sent
        };
        for name in ["b", "c"] {
            assert_eq!(put(&repository(name)), next, "{profile:?}, {name}");
            assert_eq!(put(&repository(name)), Stored::Present, "{profile:?}");
        }
        let times = if mounts { 1 } else { 3 };
        let size = BLOB.len() as u64;
        assert_eq!(sent_bytes(&server), times * size, "{profile:?}");
    }
}

/// If a registry responds to a mount by starting an upload, the blob is sent with that upload, and no more
/// mounts are attempted.
#[test]
fn a_mount_that_becomes_an_upload_is_used() {
    let server = TestRegistry::start(Behaviour {
        mounts: false,
        ..Behaviour::default()
    });
    let registry = Registry::new(&server.host(), settings(), anyone()).unwrap();
    let repository = |name| registry.repository(name, Access::Push);
    put(&repository("a"));
    server.forget();
    assert_eq!(put(&repository("b")), Stored::Sent);
    let seen = server.seen();
    let requests: Vec<_> = seen.iter().map(|seen| seen.method.as_str()).collect();
    assert_eq!(requests, ["HEAD", "POST", "PUT"]);
    assert!(seen[1].query.contains("from=a"), "{seen:?}");
}

#[test]
fn a_mount_that_fails_does_not_fail_the_push() {
    for action in [
        Action::Respond(404, Vec::new(), ""),
        Action::Respond(403, Vec::new(), ""),
        Action::Respond(401, Vec::new(), ""),
        Action::Respond(201, Vec::new(), ""),
        Action::OtherDigest,
        Action::NoLocation,
        Action::CutResponse,
    ] {
        let server = TestRegistry::start(Behaviour {
            mounts: matches!(action, Action::OtherDigest),
            ..Behaviour::default()
        });
        let registry = Registry::new(&server.host(), settings(), anyone()).unwrap();
        put(&registry.repository("a", Access::Push));
        let what = format!("{action:?}");
        server.fault(Fault {
            method: "POST",
            path: "/v2/b/blobs/uploads/",
            after: 0,
            times: 1,
            action,
        });
        put(&registry.repository("b", Access::Push));
        assert_eq!(server.faults_left(), 0, "{what}");
        let again = put(&registry.repository("b", Access::Push));
        assert_eq!(again, Stored::Present, "{what}");
    }
}

/// Several images with the same base are pushed at the same time: one push sends it, and the others wait.
#[test]
fn pushes_at_the_same_time_send_a_common_blob_once() {
    let server = TestRegistry::start(Behaviour::default());
    let registry = Registry::new(&server.host(), settings(), anyone()).unwrap();
    let opened = AtomicUsize::new(0);
    let open = || -> io::Result<Box<dyn Read + Send>> {
        opened.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(BLOB))
    };
    thread::scope(|scope| {
        for name in ["a", "b", "c", "d", "e", "f"] {
            let repository = registry.repository(name, Access::Push);
            let open = &open;
            scope.spawn(move || repository.push_blob(&descriptor(), open).unwrap());
        }
    });
    assert_eq!(opened.into_inner(), 1);
    assert_eq!(sent_bytes(&server), BLOB.len() as u64);
}

#[test]
fn a_copy_within_a_registry_sends_no_blob() {
    for profile in [Profile::Strict, Profile::Ghcr, Profile::DockerHub] {
        let server = TestRegistry::start(profile.behaviour("AWS", "hunter2"));
        let image = image();
        let registry = Registry::new(&server.host(), settings(), someone()).unwrap();
        let source = registry.repository(NAME, Access::Push);
        push(&image, &source, &["v1"]).unwrap();
        server.forget();
        // Another run, without the first one's state.
        let registry = Registry::new(&server.host(), settings(), someone()).unwrap();
        let source = registry.repository(NAME, Access::Pull);
        let target = registry.repository("other/place", Access::Push);
        let target = target.with_mount_source(NAME);
        copy(&source, &target, &image.root, &["v2"], &|_| {}).unwrap();
        let blobs = server.seen().into_iter().filter(|seen| {
            let sends = seen.method == "PUT" || seen.method == "PATCH";
            sends && seen.path.contains("/blobs/uploads/")
        });
        assert_eq!(blobs.count(), 0, "{profile:?}");
        assert_eq!(server.tag("other/place", "v2"), Some(image.root.digest));
    }
}

/// The root is stored only by its tag: Amazon ECR limits the rate of manifests.
#[test]
fn a_push_with_a_tag_stores_each_manifest_once() {
    let server = TestRegistry::start(Behaviour::default());
    let image = image();
    push(&image, &repository(&server), &["v1"]).unwrap();
    let puts = server.manifest_puts();
    assert_eq!(puts.len(), 3, "two manifests and the index");
    assert_there(&server, &image, "v1");
}
