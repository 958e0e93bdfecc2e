//! What a push sends, in which order, and what it does not send again.

use std::collections::BTreeMap;
use std::sync::Mutex;

use oci::copy::{CopyEvent, copy};
use oci::registry::Repository;
use test_registry::{Action, Behaviour, Fault, TestRegistry};

use crate::fixture::{
    NAME, anyone, assert_complete, assert_there, cause, image, push, repository, settings,
};

#[test]
fn an_image_is_pushed_children_first_and_the_tag_last() {
    let (registry, image) = (TestRegistry::start(Behaviour::default()), image());
    let events = Mutex::new(Vec::new());
    // For each blob, the reported progress and its size.
    let progress = Mutex::new(BTreeMap::new());
    let reported = |event: CopyEvent<'_>| {
        events.lock().unwrap().push(match event {
            CopyEvent::Progress { descriptor, bytes } => {
                let mut progress = progress.lock().unwrap();
                progress.insert(descriptor.digest, (bytes, descriptor.size));
                return;
            }
            CopyEvent::Blob { stored, .. } => format!("blob {stored:?}"),
            CopyEvent::Document { descriptor, sent } => format!("{} {sent}", descriptor.digest),
            CopyEvent::Blobs { count, .. } => return assert_eq!(count, 5),
            CopyEvent::Foreign { .. } => panic!("it has no such layer"),
            CopyEvent::Named(name) => name.to_owned(),
        });
    };
    copy(
        &image.layout,
        &repository(&registry),
        &image.root,
        &["v1", "v2"],
        &reported,
    )
    .unwrap();
    assert_there(&registry, &image, "v1");
    assert_there(&registry, &image, "v2");
    let events = events.into_inner().unwrap();
    assert_eq!(events[..5], ["blob Sent"; 5], "the base is sent once");
    let progress = progress.into_inner().unwrap();
    assert_eq!(progress.len(), 5, "{progress:?}");
    assert!(
        progress.values().all(|(reported, size)| reported == size),
        "{progress:?}"
    );
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
        puts[..2]
            .iter()
            .all(|path| path.contains("/manifests/sha256:")),
        "{puts:?}"
    );
    assert!(
        puts[2].ends_with("/v1") && puts[3].ends_with("/v2") && puts.len() == 4,
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
fn an_immutable_tag_is_a_success_when_it_is_the_same() {
    let behaviour = Behaviour {
        immutable_tags: true,
        ..Behaviour::default()
    };
    let (registry, image) = (TestRegistry::start(behaviour), image());
    push(&image, &repository(&registry), &["v1"]).unwrap();
    push(&image, &repository(&registry), &["v1"]).unwrap();
    // The response to the PUT is lost, and the next is refused since the first arrived.
    let action = Action::CutResponse;
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
    let text = cause(&error).to_string();
    for digest in [child.digest, image.root.digest] {
        assert!(text.contains(&digest.to_string()), "{text}");
    }
    assert_eq!(registry.tag(NAME, "v1"), Some(image.root.digest));
}

#[test]
fn a_layer_that_may_not_be_distributed_is_not_sent() {
    use oci::image::Manifest;
    use oci::{Descriptor, Digest, MediaType};
    let (registry, mut image) = (TestRegistry::start(Behaviour::default()), image());
    let config = Descriptor::of(MediaType::OCI_CONFIG, b"{}");
    image.layout.write_bytes(b"{}").unwrap();
    let foreign = [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ]
    .map(|media_type| Descriptor::new(media_type, Digest::of(media_type.as_bytes()), 7));
    let (bytes, root) = Manifest::new(config, foreign.to_vec()).to_bytes();
    image.layout.write_bytes(&bytes).unwrap();
    image.root = root;
    let seen = std::sync::Mutex::new(Vec::new());
    let events = |event: CopyEvent<'_>| {
        if let CopyEvent::Foreign { descriptor } = event {
            seen.lock().unwrap().push(descriptor.digest);
        }
    };
    let target = repository(&registry);
    copy(&image.layout, &target, &image.root, &["v1"], &events).unwrap();
    assert_eq!(registry.tag(NAME, "v1"), Some(image.root.digest));
    assert_eq!(seen.into_inner().unwrap().len(), 2);
}

/// A registry verifies and stores a blob before it responds. The next ones are sent meanwhile, but no more
/// than four bodies at a time.
#[test]
fn blobs_are_sent_while_others_are_stored() {
    let (registry, image) = (TestRegistry::start(Behaviour::default()), image());
    registry.fault(Fault {
        method: "PUT",
        path: "/blobs/uploads/",
        after: 0,
        times: 5,
        action: Action::Gather(5),
    });
    let mut settings = settings();
    settings.retry.attempts = 1;
    let repository = Repository::push(&registry.reference(NAME), settings, anyone()).unwrap();
    push(&image, &repository, &["v1"]).unwrap();
    assert_complete(&registry, &image, "v1");
}
