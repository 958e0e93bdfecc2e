//! The PROXY protocol on the public listener, off, optional and required; and its parser under
//! arbitrary bytes.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use app::proxy::{FIXED_BYTES, Header, MAX_BYTES, Parsed, SIGNATURE, parse};
use common::{App, GET};
use proptest::prelude::*;

/// A header for a client at 203.0.113.9:40000, with an extension as AWS adds it.
fn header() -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    let endpoint = b"vpce-08d2bf15fac5001c9";
    let extension = 1 + endpoint.len();
    bytes.extend([0x21, 0x11]);
    bytes.extend(u16::try_from(12 + 3 + extension).unwrap().to_be_bytes());
    bytes.extend([203, 0, 113, 9, 10, 0, 0, 1]);
    bytes.extend(40000_u16.to_be_bytes());
    bytes.extend(80_u16.to_be_bytes());
    bytes.push(0xea);
    bytes.extend(u16::try_from(extension).unwrap().to_be_bytes());
    bytes.push(1);
    bytes.extend(endpoint);
    bytes
}

const INFO: &[u8] = b"GET /info HTTP/1.1\r\nhost: x\r\n\r\n";

fn app(mode: &str, trusted: &str) -> App {
    App::start(&[
        ("APP_PROXY_PROTOCOL", mode),
        ("APP_TRUSTED_PROXIES", trusted),
        ("APP_FIRST_HEAD_TIMEOUT", "500ms"),
    ])
}

#[test]
fn a_trusted_header_names_the_client_however_it_is_cut() {
    for mode in ["optional", "required"] {
        let app = app(mode, "127.0.0.1");
        let whole = [header(), INFO.to_vec()].concat();
        for cut in [
            whole.len(),
            1,
            12,
            16,
            30,
            header().len(),
            header().len() + 3,
        ] {
            let mut client = app.connect();
            client.send(&whole[..cut]);
            std::thread::sleep(std::time::Duration::from_millis(5));
            client.send(&whole[cut..]);
            let info = client.response().json();
            assert_eq!(info["client"]["address"], "203.0.113.9", "{mode} {cut}");
            assert_eq!(info["client"]["believed_from"], "proxy-protocol");
            assert_eq!(
                info["client"]["proxy_protocol"]["client"],
                "203.0.113.9:40000"
            );
            let endpoint = &info["client"]["proxy_protocol"]["vpc_endpoint"];
            assert_eq!(endpoint, "vpce-08d2bf15fac5001c9");
            client.send(GET);
            assert_eq!(
                client.response().status,
                200,
                "the connection is kept like any other"
            );
        }
    }
}

#[test]
fn in_optional_mode_a_connection_without_a_header_is_served() {
    let app = app("optional", "127.0.0.1");
    let mut client = app.connect();
    client.send(INFO);
    let info = client.response().json();
    assert_eq!(info["client"]["address"], "127.0.0.1");
    assert!(info["client"]["proxy_protocol"].is_null());
}

#[test]
fn health_checks_of_the_load_balancer_keep_their_own_address() {
    let app = app("required", "127.0.0.1");
    let mut local = SIGNATURE.to_vec();
    local.extend([0x20, 0, 0, 0]);
    local.extend(INFO);
    let mut client = app.connect();
    client.send(&local);
    assert_eq!(client.response().json()["client"]["address"], "127.0.0.1");
}

#[test]
fn in_required_mode_missing_and_untrusted_headers_close_the_connection() {
    let required = app("required", "127.0.0.1");
    for bytes in [GET.to_vec(), [&SIGNATURE[..], &[0x31, 0x11, 0, 0]].concat()] {
        let mut client = required.connect();
        client.send(&bytes);
        assert!(client.try_response().is_none());
    }
    let mut silent = required.connect();
    assert!(silent.closed_after() < common::HANG_LIMIT);
    assert_eq!(required.count("app_proxy_headers_refused_total"), 3);
    let strangers = app("required", "192.0.2.0/24");
    let mut client = strangers.connect();
    client.send(&[header(), GET.to_vec()].concat());
    assert!(client.try_response().is_none());
}

#[test]
fn an_untrusted_peer_cannot_claim_an_address() {
    for app in [app("optional", "192.0.2.0/24"), App::start(&[])] {
        let mut client = app.connect();
        client.send(&[header(), INFO.to_vec()].concat());
        client.response().assert_problem(400);
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(parse(&bytes));
    }

    #[test]
    fn a_header_ends_at_its_length_whatever_follows_the_signature(
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let bytes = [&SIGNATURE[..], &rest].concat();
        match parse(&bytes) {
            Ok(Parsed::Complete(_, length)) => {
                prop_assert!((FIXED_BYTES..=bytes.len()).contains(&length));
            }
            Ok(Parsed::Incomplete(needed)) => {
                prop_assert!(needed > bytes.len() && needed <= MAX_BYTES);
            }
            Ok(Parsed::Absent) => prop_assert!(false, "the signature is there"),
            Err(_) => {}
        }
    }

    #[test]
    fn a_header_means_the_same_whatever_follows_it(
        source: [u8; 4], port: u16, rest in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0x21, 0x11, 0, 12]);
        bytes.extend(source);
        bytes.extend([10, 0, 0, 1]);
        bytes.extend(port.to_be_bytes());
        bytes.extend([0, 80]);
        bytes.extend(rest);
        let Ok(Parsed::Complete(Header::Proxied(found), 28)) = parse(&bytes) else {
            return Err(TestCaseError::fail("no header"));
        };
        prop_assert_eq!(found.client, (source, port).into());
    }
}
