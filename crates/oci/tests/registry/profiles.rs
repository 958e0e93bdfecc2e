//! The large registries, each with its own behaviour.

use std::io::{self, Read};

use oci::copy::Stored;
use oci::registry::Repository;
use oci::{Descriptor, MediaType};
use test_registry::{Action, Fault, Profile, TestRegistry};

use crate::fixture::{NAME, assert_complete, image, push, settings, someone};

fn start(profile: Profile) -> TestRegistry {
    TestRegistry::start(profile.behaviour("AWS", "hunter2"))
}

#[test]
fn every_registry_accepts_an_image_and_the_same_one_again() {
    let image = image();
    for profile in Profile::ALL {
        let registry = start(profile);
        for round in ["first", "again"] {
            let repository =
                Repository::push(&registry.reference(NAME), settings(), someone()).unwrap();
            push(&image, &repository, &["v1"])
                .unwrap_or_else(|error| panic!("{profile:?}, {round}: {error:?}"));
            assert_complete(&registry, &image, "v1");
        }
    }
}

/// A push that changes nothing only checks the digest and the tag.
#[test]
fn a_push_that_changes_nothing_takes_two_requests_besides_the_token() {
    let image = image();
    for profile in Profile::ALL {
        let registry = start(profile);
        let repository =
            Repository::push(&registry.reference(NAME), settings(), someone()).unwrap();
        push(&image, &repository, &["v1"]).unwrap();
        registry.forget();
        push(&image, &repository, &["v1"]).unwrap();
        let seen = registry.seen();
        let own = seen.iter().filter(|seen| {
            let answered = seen.authorization.is_some() || profile == Profile::Strict;
            answered && seen.path.starts_with("/v2/")
        });
        // Tokens that expire may cost another of each.
        let most = match profile {
            // The digest is not in the response to a HEAD of these.
            Profile::DockerHub | Profile::Harbor | Profile::Gar | Profile::Quay => 4,
            _ => 2,
        };
        assert!(own.count() <= most, "{profile:?}: {seen:#?}");
        assert!(seen.iter().all(|seen| seen.body_bytes == 0), "{profile:?}");
    }
}

/// A blob that is cut off continues in chunks of a size that the registry accepts, or starts again.
#[test]
fn every_registry_accepts_a_large_blob_that_was_cut_off() {
    let bytes = vec![7; 33 << 20];
    let descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, &bytes);
    for profile in Profile::ALL {
        let registry = start(profile);
        for (method, after) in [("PUT", 0), ("PATCH", 1)] {
            registry.fault(Fault {
                method,
                path: "/blobs/uploads/",
                after,
                times: 1,
                action: Action::CutRequest(1 << 20),
            });
        }
        let repository =
            Repository::push(&registry.reference(NAME), settings(), someone()).unwrap();
        let open = || -> io::Result<Box<dyn Read + Send + '_>> { Ok(Box::new(&bytes[..])) };
        let sent = repository.push_blob(&descriptor, &open);
        let sent = sent.unwrap_or_else(|error| panic!("{profile:?}: {error}"));
        assert_eq!(sent, Stored::Sent, "{profile:?}");
        assert!(
            registry.blob(descriptor.digest).as_ref() == Some(&bytes),
            "{profile:?}"
        );
    }
}
