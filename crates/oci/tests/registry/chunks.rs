//! Large blobs, and registries that accept no chunks or only small ones.

use std::io::{self, Read};

use oci::copy::Stored;
use oci::registry::{Repository, Settings};
use oci::{Descriptor, MediaType};
use test_registry::{Action, Behaviour, Fault, TestRegistry};

use crate::fixture::{NAME, anyone, settings};

const MIB: u64 = 1 << 20;

/// Pushes `size` zeros with `settings` to a registry; returns how many PATCH requests it saw.
fn push(registry: &TestRegistry, settings: Settings, size: u64) -> usize {
    let repository = Repository::push(&registry.reference(NAME), settings, anyone()).unwrap();
    let bytes = vec![0; usize::try_from(size).unwrap()];
    let descriptor = Descriptor::of(MediaType::OCI_LAYER_GZIP, &bytes);
    let open = || -> io::Result<Box<dyn Read + Send + '_>> { Ok(Box::new(&bytes[..])) };
    let stored = repository.push_blob(&descriptor, &open);
    assert_eq!(stored.unwrap(), Stored::Sent);
    assert!(registry.blob(descriptor.digest) == Some(bytes));
    let seen = registry.seen();
    seen.iter().filter(|seen| seen.method == "PATCH").count()
}

fn behaviour(chunk_max_bytes: u64) -> Behaviour {
    Behaviour {
        chunk_max_bytes,
        ..Behaviour::default()
    }
}

#[test]
fn a_large_blob_is_first_sent_in_one_request() {
    for chunk_max_bytes in [0, 4 * MIB, u64::MAX] {
        let registry = TestRegistry::start(behaviour(chunk_max_bytes));
        assert_eq!(push(&registry, settings(), 40 * MIB), 0);
    }
}

#[test]
fn after_a_cut_a_large_blob_is_sent_in_chunks_that_the_registry_accepts() {
    for (chunk_max_bytes, patches) in [(u64::MAX, 5), (4 * MIB, 11), (0, 2)] {
        let registry = TestRegistry::start(behaviour(chunk_max_bytes));
        registry.fault(Fault {
            method: "PUT",
            path: "/blobs/uploads/",
            after: 0,
            times: 1,
            action: Action::CutRequest(1000),
        });
        assert_eq!(push(&registry, settings(), 40 * MIB), patches);
    }
}

#[test]
fn refused_chunk_sizes_are_remembered_for_the_run() {
    let registry = TestRegistry::start(behaviour(4 * MIB));
    let settings = Settings {
        monolithic_bytes: 1,
        ..settings()
    };
    assert_eq!(
        push(&registry, settings.clone(), 9 * MIB),
        4,
        "one of 8 MiB is refused"
    );
    assert_eq!(push(&registry, settings, 10 * MIB), 4 + 3);
}

#[test]
fn chunks_avoid_a_limit_on_the_size_of_a_request() {
    let registry = TestRegistry::start(Behaviour {
        whole_max_bytes: 9 * MIB,
        ..Behaviour::default()
    });
    assert_eq!(push(&registry, settings(), 10 * MIB), 2);
}
