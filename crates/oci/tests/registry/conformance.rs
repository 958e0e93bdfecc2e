//! The four workflows of the distribution specification's conformance suite, from the client's side: the
//! client sends the suite's requests to a registry that adheres strictly to the specification, and gets
//! the results that the suite checks. The comments quote the suite's names of the cases.
//! <https://github.com/opencontainers/distribution-spec/tree/main/conformance>

use std::io::{self, Read};

use oci::copy::Stored;
use oci::image::{EMPTY_JSON, Index, Manifest};
use oci::registry::{RegistryError, Repository};
use oci::{Descriptor, Digest, MediaType};
use test_registry::{Action, Behaviour, Fault, Profile, TestRegistry};

use crate::fixture::{NAME, anyone, image, push, repository, settings};

fn strict() -> Behaviour {
    Profile::Strict.behaviour("", "")
}

fn put(repository: &Repository, bytes: &'static [u8]) -> (Descriptor, Stored) {
    let descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, bytes);
    let open = || -> io::Result<Box<dyn Read + Send>> { Ok(Box::new(bytes)) };
    let stored = repository.push_blob(&descriptor, &open).unwrap();
    (descriptor, stored)
}

/// The requests that the registry got since the last call.
fn requests(registry: &TestRegistry) -> Vec<String> {
    let seen = registry.seen();
    registry.forget();
    let seen = seen.into_iter().filter(|seen| seen.path != "/v2/");
    seen.map(|seen| {
        let path = seen.path.trim_start_matches("/v2/team/app/");
        let path = path.split("/sha256:").next().unwrap_or(path);
        let path = path.trim_end_matches(|c: char| c.is_ascii_digit());
        format!("{} {path}", seen.method)
    })
    .collect()
}

#[test]
fn content_is_pulled() {
    let registry = TestRegistry::start(strict());
    let (repository, image) = (repository(&registry), image());
    push(&image, &repository, &["v1"]).unwrap();
    registry.forget();
    let absent = Descriptor::of(MediaType::OCI_LAYER_GZIP, b"absent");

    // "HEAD request to nonexistent blob should result in 404 response", and the GET.
    assert!(!repository.has_blob(&absent).unwrap());
    let refused = repository.blob(&absent).map(drop).unwrap_err();
    assert_eq!(reason(&refused), (Some(404), Some("BLOB_UNKNOWN")));
    // "HEAD request to existing blob should yield 200", and the GET its bytes.
    let index = repository.manifest("v1").unwrap();
    let child = Manifest::parse(
        &repository
            .manifest(&digest_of_child(&index.bytes))
            .unwrap()
            .bytes,
    );
    let layer = child.unwrap().layers.remove(0);
    assert!(repository.has_blob(&layer).unwrap());
    let mut bytes = Vec::new();
    repository
        .blob(&layer)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert_eq!(Digest::of(&bytes), layer.digest);
    // "HEAD request to nonexistent manifest should return 404", by digest and by tag, and the GET.
    for reference in [absent.digest.to_string(), "v2".to_owned()] {
        assert_eq!(repository.resolve(&reference).unwrap(), None, "{reference}");
        let refused = repository.manifest(&reference).map(drop).unwrap_err();
        assert_eq!(reason(&refused), (Some(404), Some("MANIFEST_UNKNOWN")));
    }
    // "HEAD request to manifest path (digest) should yield 200 response", and (tag); and the GETs.
    let root = image.root.digest;
    for reference in [root.to_string(), "v1".to_owned()] {
        assert_eq!(repository.resolve(&reference).unwrap(), Some(root));
        let document = repository.manifest(&reference).unwrap();
        assert_eq!(Digest::of(&document.bytes), root);
        assert_eq!(document.descriptor.media_type, image.root.media_type);
    }
}

/// The status and the code of a refusal.
fn reason(error: &RegistryError) -> (Option<u16>, Option<&str>) {
    (error.status(), error.code())
}

fn digest_of_child(index: &[u8]) -> String {
    let index = Index::parse(index).unwrap();
    index.manifests[0].digest.to_string()
}

#[test]
fn content_is_pushed() {
    let registry = TestRegistry::start(strict());
    let repository = repository(&registry);

    // "Blob Upload Monolithic": every registry accepts "POST request with digest, then PUT".
    let (blob, stored) = put(&repository, b"monolithic");
    assert_eq!(stored, Stored::Sent);
    let monolithic = ["HEAD blobs", "POST blobs/uploads/", "PUT blobs/uploads/"];
    assert_eq!(requests(&registry), monolithic);
    // "GET request to blob URL from prior request should yield 200".
    assert!(repository.has_blob(&blob).unwrap());
    registry.forget();

    // "Blob Upload Chunked": after a cut the client asks for the status, and sends the rest in order.
    let large: &[u8] = Box::leak(vec![7; 33 << 20].into_boxed_slice());
    let cut = |method, after, action| {
        registry.fault(Fault {
            method,
            path: "/blobs/uploads/",
            after,
            times: 1,
            action,
        });
    };
    cut("PUT", 0, Action::CutRequest(1 << 20));
    cut("PATCH", 1, Action::CutRequest(1 << 20));
    let (blob, stored) = put(&repository, large);
    assert_eq!(stored, Stored::Sent);
    let asked = requests(&registry);
    for request in ["PATCH blobs/uploads/", "GET blobs/uploads/"] {
        assert!(asked.iter().any(|asked| asked == request), "{asked:#?}");
    }
    assert_eq!(
        Digest::of(&registry.blob(blob.digest).unwrap()),
        blob.digest
    );

    // "Cross-Repository Blob Mount": from a repository that has it, and the upload if it is not mounted.
    let other = registry.reference("team/other");
    let other = Repository::push(&other, settings(), anyone()).unwrap();
    let other = other.with_mount_source(NAME);
    let (_, stored) = put(&other, b"monolithic");
    assert_eq!(stored, Stored::Mounted);
    let (_, stored) = put(&other, b"nowhere else");
    assert_eq!(stored, Stored::Sent);

    // "Manifest Upload": by tag and by digest, with layers and without.
    let config = Descriptor::of(MediaType::EMPTY_JSON, EMPTY_JSON);
    put(&repository, EMPTY_JSON);
    for layers in [vec![blob], Vec::new()] {
        let (bytes, manifest) = Manifest::new(config.clone(), layers).to_bytes();
        for reference in [manifest.digest.to_string(), "latest".to_owned()] {
            repository
                .put_manifest(&reference, &manifest.media_type, &bytes)
                .unwrap();
            assert_eq!(
                repository.resolve(&reference).unwrap(),
                Some(manifest.digest)
            );
        }
    }
}

#[test]
fn content_is_discovered() {
    let registry = TestRegistry::start(Behaviour {
        tags_page: 2,
        ..strict()
    });
    let (repository, image) = (repository(&registry), image());
    let tags = ["a", "b", "c", "d", "e"];
    push(&image, &repository, &tags).unwrap();

    // "GET request to list tags should yield 200 response", and "GET number of tags should be limitable":
    // the client follows the pages.
    registry.forget();
    assert_eq!(repository.tags().unwrap(), tags);
    assert_eq!(requests(&registry), ["GET tags/list"; 3]);

    // "GET request to nonexistent blob should result in empty 200 response", "GET request to existing
    // blob should yield 200", and the same by artifact type.
    let subject = &image.root;
    assert_eq!(repository.referrers(&subject.digest).unwrap(), []);
    put(&repository, EMPTY_JSON);
    let empty = Descriptor::of(MediaType::EMPTY_JSON, EMPTY_JSON);
    let mut attached = Vec::new();
    for kind in ["application/spdx+json", "application/vnd.cyclonedx+json"] {
        let manifest = Manifest::artifact(kind, subject, vec![empty.clone()]);
        let (bytes, descriptor) = manifest.to_bytes();
        repository.attach(&descriptor.media_type, &bytes).unwrap();
        attached.push((descriptor.digest, kind.to_owned()));
    }
    let found = repository.referrers(&subject.digest).unwrap().into_iter();
    let kind = |found: &Descriptor| found.artifact_type.as_ref().unwrap().as_str().to_owned();
    let mut found: Vec<_> = found.map(|found| (found.digest, kind(&found))).collect();
    found.sort();
    attached.sort();
    assert_eq!(found, attached);
}

#[test]
fn content_is_managed() {
    let registry = TestRegistry::start(strict());
    let (repository, image) = (repository(&registry), image());
    push(&image, &repository, &["v1", "v2"]).unwrap();

    // "DELETE request to manifest tag should return 202, unless tag deletion is disallowed".
    assert!(repository.delete("v1").unwrap());
    assert_eq!(repository.resolve("v1").unwrap(), None);
    assert_eq!(repository.tags().unwrap(), ["v2"]);
    // "DELETE request to manifest (digest) should yield 202 response unless already deleted".
    let digest = image.root.digest.to_string();
    assert!(repository.delete(&digest).unwrap());
    assert!(!repository.delete(&digest).unwrap(), "deleted already");
    // "GET request to deleted manifest URL should yield 404 response, unless delete is disallowed".
    assert_eq!(repository.resolve(&digest).unwrap(), None);
    registry.fault(Fault {
        method: "DELETE",
        path: "/manifests/",
        after: 0,
        times: 1,
        action: Action::Respond(405, vec![], UNSUPPORTED),
    });
    let refused = repository.delete("v2").unwrap_err();
    assert_eq!(reason(&refused), (Some(405), Some("UNSUPPORTED")));
}

const UNSUPPORTED: &str = r#"{"errors":[{"code":"UNSUPPORTED","message":"deletion is disabled"}]}"#;
