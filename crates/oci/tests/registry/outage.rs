//! The time budget that all requests of a push share.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use oci::registry::{Repository, Retry, Settings};

use crate::fixture::{anyone, settings};

/// A registry that accepts connections and never responds.
#[test]
fn a_silent_registry_uses_up_a_single_budget() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let streams = listener.incoming().collect::<Vec<_>>();
        drop(streams);
    });
    let settings = Settings {
        retry: Retry {
            attempts: 100,
            budget: Duration::from_millis(1500),
            ..settings().retry
        },
        ..settings()
    };
    let reference = format!("{address}/x").parse().unwrap();
    let repository = Repository::push(&reference, settings, anyone()).unwrap();
    let error = repository.resolve("v1").unwrap_err();
    let gave_up = error.gave_up.unwrap();
    assert!(gave_up.attempts < 5, "{error}");
    assert!(gave_up.outage >= Duration::from_millis(1500), "{error}");
    assert!(error.to_string().contains("; gave up after "), "{error}");
}
