//! Referrers, with the API and with the tag that replaces it.

use std::thread;

use oci::image::{EMPTY_JSON, Index, Manifest};
use oci::registry::Repository;
use oci::{Descriptor, Digest, MediaType};
use test_registry::{Action, Behaviour, Fault, TestRegistry};

use crate::fixture::{NAME, image, push, repository};

const SBOM: &str = "application/spdx+json";

fn server(referrers: bool, conditions: bool) -> TestRegistry {
    TestRegistry::start(Behaviour {
        referrers,
        conditions,
        ..Behaviour::default()
    })
}

/// Attaches a bill of materials, and returns its digest.
fn attach(repository: &Repository, subject: &Descriptor, name: &str) -> Digest {
    let empty = Descriptor::of(MediaType::EMPTY_JSON, EMPTY_JSON);
    let open = || Ok(Box::new(EMPTY_JSON) as Box<dyn std::io::Read + Send>);
    repository.push_blob(&empty, &open).unwrap();
    let mut manifest = Manifest::artifact(SBOM, subject, vec![empty]);
    manifest
        .annotations
        .insert("name".to_owned(), name.to_owned());
    let (bytes, descriptor) = manifest.to_bytes();
    repository.attach(&descriptor.media_type, &bytes).unwrap();
    descriptor.digest
}

fn tag_of(subject: &Descriptor) -> String {
    format!("sha256-{}", subject.digest.hex())
}

#[test]
fn a_referrer_is_found_with_and_without_the_api() {
    for (api, conditions) in [(true, false), (false, false), (false, true)] {
        let (server, image) = (server(api, conditions), image());
        let repository = repository(&server);
        push(&image, &repository, &["v1"]).unwrap();
        let subject = &image.root;
        assert_eq!(repository.referrers(&subject.digest).unwrap(), []);
        let one = attach(&repository, subject, "one");
        let two = attach(&repository, subject, "two");
        // The same again changes nothing.
        attach(&repository, subject, "one");
        let mut found = repository.referrers(&subject.digest).unwrap();
        found.sort_by_key(|found| found.annotations.get("name").cloned());
        let digests: Vec<_> = found.iter().map(|found| found.digest).collect();
        assert_eq!(digests, [one, two], "{api} {conditions}");
        for found in &found {
            assert_eq!(found.artifact_type, Some(SBOM.into()));
        }
        let tag = server.tag(NAME, &tag_of(subject));
        assert_eq!(tag.is_some(), !api, "the tag exists only without the API");
    }
}

#[test]
fn concurrent_writers_lose_nothing_if_the_registry_honours_conditions() {
    let (server, image) = (server(false, true), image());
    push(&image, &repository(&server), &["v1"]).unwrap();
    let digests: Vec<Digest> = thread::scope(|scope| {
        let attach = |number: usize| {
            let (server, subject) = (&server, &image.root);
            scope.spawn(move || attach(&repository(server), subject, &number.to_string()))
        };
        let writers: Vec<_> = (0..4).map(attach).collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    let found = repository(&server).referrers(&image.root.digest).unwrap();
    for digest in &digests {
        assert!(
            found.iter().any(|found| found.digest == *digest),
            "{found:?}"
        );
    }
    assert_eq!(found.len(), digests.len());
}

/// An index that another writer replaced is written again.
#[test]
fn a_lost_update_is_noticed() {
    let (server, image) = (server(false, false), image());
    let repository = repository(&server);
    push(&image, &repository, &["v1"]).unwrap();
    let one = attach(&repository, &image.root, "one");
    server.fault(Fault {
        method: "PUT",
        path: "/manifests/sha256-",
        after: 0,
        times: 2,
        action: Action::LoseWrite,
    });
    let two = attach(&repository, &image.root, "two");
    assert_eq!(server.faults_left(), 0);
    let found = repository.referrers(&image.root.digest).unwrap();
    let digests: Vec<_> = found.iter().map(|found| found.digest).collect();
    assert_eq!(digests, [one, two]);
}

#[test]
fn a_tag_that_is_not_a_list_of_referrers_is_not_overwritten() {
    let (server, image) = (server(false, false), image());
    let repository = repository(&server);
    push(&image, &repository, &["v1"]).unwrap();
    let child = Index::parse(&image.layout.document(&image.root).unwrap())
        .unwrap()
        .manifests[0]
        .clone();
    let bytes = image.layout.document(&child).unwrap();
    let tag = tag_of(&image.root);
    repository
        .put_manifest(&tag, &child.media_type, &bytes)
        .unwrap();
    let (bytes, descriptor) = Manifest::artifact(SBOM, &image.root, Vec::new()).to_bytes();
    let empty = || Ok(Box::new(EMPTY_JSON) as Box<dyn std::io::Read + Send>);
    let config = Descriptor::of(MediaType::EMPTY_JSON, EMPTY_JSON);
    repository.push_blob(&config, &empty).unwrap();
    let error = repository
        .attach(&descriptor.media_type, &bytes)
        .unwrap_err();
    assert!(error.to_string().contains("image index"), "{error}");
    assert_eq!(server.tag(NAME, &tag), Some(child.digest));
}

#[test]
fn a_document_without_a_subject_is_refused() {
    let (server, image) = (server(true, false), image());
    let bytes = image.layout.document(&image.root).unwrap();
    let error = repository(&server).attach(&image.root.media_type, &bytes);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the referrer has no `subject`"), "{error}");
    assert_eq!(server.seen(), [], "nothing is sent");
}
