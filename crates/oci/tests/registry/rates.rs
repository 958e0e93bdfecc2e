//! Limits of the rate of requests.

use std::thread;
use std::time::Duration;

use oci::MediaType;
use oci::image::Index;
use oci::registry::{Access, Rates, Registry, Retry, Settings};
use test_registry::{Action, Behaviour, Fault, Limits, TestRegistry};

use crate::fixture::{NAME, anyone, settings};

const LIMITS: Limits = Limits {
    put_manifest: 50.0,
    start_upload: 1000.0,
    complete_upload: 1000.0,
    check_blob: 1000.0,
};

/// Stores manifests from several threads, and returns how many requests were too many.
fn put(registry: &Registry, server: &TestRegistry, threads: usize, each: usize) -> u32 {
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let repository = registry.repository(NAME, Access::Push);
                for number in 0..each {
                    let mut index = Index::new(Vec::new());
                    let tag = format!("v{thread}-{number}");
                    index.annotations.insert("tag".to_owned(), tag.clone());
                    let (bytes, _) = index.to_bytes();
                    let media_type = MediaType::new(MediaType::OCI_INDEX);
                    repository.put_manifest(&tag, &media_type, &bytes).unwrap();
                }
            });
        }
    });
    server.refused_rates()
}

fn server() -> TestRegistry {
    TestRegistry::start(Behaviour {
        limits: Some(LIMITS),
        ..Behaviour::default()
    })
}

#[test]
fn a_known_rate_is_never_exceeded() {
    let server = server();
    let settings = Settings {
        rates: Rates {
            put_manifest: Some(LIMITS.put_manifest),
            ..Rates::default()
        },
        ..settings()
    };
    let registry = Registry::new(&server.host(), settings, anyone()).unwrap();
    assert_eq!(put(&registry, &server, 10, 15), 0);
}

/// There may be many more responses with 429 than attempts for a failing registry: they do not count as
/// failures.
#[test]
fn an_unknown_rate_limit_delays_a_push_but_does_not_fail_it() {
    let server = server();
    let registry = Registry::new(&server.host(), settings(), anyone()).unwrap();
    let refused = put(&registry, &server, 10, 15);
    assert!(refused > 0);
}

#[test]
fn a_push_is_given_up_within_the_budget_if_the_registry_only_refuses() {
    let server = TestRegistry::start(Behaviour::default());
    server.fault(Fault {
        method: "PUT",
        path: "/manifests/",
        after: 0,
        times: u32::MAX,
        action: Action::Respond(429, Vec::new(), ""),
    });
    let settings = Settings {
        retry: Retry {
            budget: Duration::from_millis(300),
            ..settings().retry
        },
        ..settings()
    };
    let registry = Registry::new(&server.host(), settings, anyone()).unwrap();
    let repository = registry.repository(NAME, Access::Push);
    let media_type = MediaType::new(MediaType::OCI_INDEX);
    let error = repository
        .put_manifest("v1", &media_type, b"{}")
        .unwrap_err();
    assert_eq!(error.status(), Some(429));
    assert!(error.to_string().contains("gave up after"), "{error}");
}
