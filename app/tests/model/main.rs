//! Several connections at once, whose clients send in pieces, stall, read late and freeze the process:
//! each gets the responses that a plain model predicts, in order, and no client changes those of another.
//! The fuzz target `model` has the same clients.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod peer;
mod request;

use std::time::Duration;

use common::{App, signal};
use peer::{CLIENTS, Service, Step};
use proptest::prelude::*;
use request::Request;

fn request() -> impl Strategy<Value = Request> {
    let size = prop_oneof![
        0..100_usize,
        8_000..8_400_usize,
        32_300..33_000_usize,
        Just(100_000_usize),
        Just(400_000_usize),
    ];
    prop_oneof![
        4 => Just(Request::Greeting),
        2 => Just(Request::Head),
        2 => Just(Request::Info),
        1 => Just(Request::Nothing),
        1 => Just(Request::WrongMethod),
        4 => size.clone().prop_map(Request::Echo),
        2 => size.prop_map(Request::Chunks),
        1 => prop::sample::select(vec![
            Request::Last,
            Request::Hop,
            Request::UnreadBody,
            Request::Malformed,
            Request::InvalidHost,
        ]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    let count = prop_oneof![1..60_usize, 1_000..200_000_usize];
    prop_oneof![
        6 => (client.clone(), request()).prop_map(|(client, request)| Step::Ask(client, request)),
        6 => (client.clone(), count).prop_map(|(client, count)| Step::Send(client, count)),
        3 => client.clone().prop_map(Step::Receive),
        1 => client.prop_map(Step::Freeze),
        1 => (0..5_u64).prop_map(|millis| Step::Stall(Duration::from_millis(millis))),
    ]
}

/// The real process.
struct Process(App);

impl Service for Process {
    fn address(&self) -> std::net::SocketAddr {
        self.0.public
    }

    fn freeze(&self, during: &mut dyn FnMut()) -> Duration {
        signal(self.0.pid(), "STOP");
        during();
        signal(self.0.pid(), "CONT");
        Duration::ZERO
    }

    /// No time passes in this test.
    fn deadline(&self) -> Duration {
        Duration::MAX
    }
}

#[test]
fn each_client_gets_what_a_plain_model_predicts() {
    let app = Process(App::start(&[
        ("APP_REQUEST_LOG", "off"),
        ("APP_ANSWER_TIMEOUT", "60s"),
    ]));
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 100,
        ..ProptestConfig::with_cases(100)
    };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
        peer::play(&app, &steps);
    });
    for reason in ["answer", "body", "first_head", "next_head", "memory"] {
        let name = format!("app_connections_ended_total{{reason=\"{reason}\"}}");
        assert_eq!(app.0.count(&name), 0, "{name}");
    }
    assert_eq!(app.0.count("app_requests_in_flight"), 0);
}
