//! The client's address behind trusted proxies: no client can forge it, whatever headers it sends.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use common::App;

/// The tests' own address is that of a trusted proxy.
fn behind_a_proxy() -> App {
    App::start(&[("APP_TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8")])
}

/// The address that `/info` and the request's log line name for a request with these headers.
fn client(app: &App, headers: &str) -> String {
    let response = app.request(&format!(
        "GET /info HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n"
    ));
    assert_eq!(response.status, 200, "{headers:?}");
    let shown = response.json()["client"]["address"]
        .as_str()
        .unwrap()
        .to_owned();
    let line = app.wait_for_log(response.header("x-request-id").unwrap());
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["client"], shown, "{headers:?}");
    shown
}

#[test]
fn the_proxys_entry_counts_in_whichever_line_it_is() {
    let app = behind_a_proxy();
    for headers in [
        "x-forwarded-for: 1.1.1.1, 203.0.113.9\r\n",
        "x-forwarded-for: 1.1.1.1\r\nx-forwarded-for: 203.0.113.9\r\n",
        "X-Forwarded-For: 1.1.1.1\r\nVia: x\r\nx-forwarded-for: 203.0.113.9, 10.0.0.7\r\n",
        "x-forwarded-for: 203.0.113.9\r\nx-forwarded-for: 10.0.0.7\r\nx-forwarded-for: 10.0.0.8\r\n",
        // A malformed entry of the client does not hide the proxy's.
        "x-forwarded-for: \u{e9}\r\nx-forwarded-for: 203.0.113.9\r\n",
        "x-forwarded-for:\r\nx-forwarded-for: 203.0.113.9\r\n",
    ] {
        assert_eq!(client(&app, headers), "203.0.113.9", "{headers:?}");
    }
}

#[test]
fn a_long_list_is_truncated_only_for_display() {
    let app = behind_a_proxy();
    let forged = ["1.1.1.1"; 200].join(", ");
    let headers = format!("x-forwarded-for: {forged}, 203.0.113.9\r\n");
    assert_eq!(client(&app, &headers), "203.0.113.9");
    let headers = format!("x-forwarded-for: {forged}\r\nx-forwarded-for: 203.0.113.9\r\n");
    assert_eq!(client(&app, &headers), "203.0.113.9");
}

#[test]
fn two_traceparents_are_both_ignored() {
    let app = App::start(&[]);
    let parent = |digit: &str| {
        format!(
            "traceparent: 00-{}-00f067aa0ba902b7-01\r\n",
            digit.repeat(32)
        )
    };
    let ask = |headers: &str| {
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        let response = app.request(&request);
        assert_eq!(response.status, 200);
        response.header("traceparent").map(str::to_owned)
    };
    assert!(ask(&parent("a")).unwrap().contains(&"a".repeat(32)));
    assert_eq!(ask(&(parent("a") + &parent("b"))), None);
    assert_eq!(ask(&(parent("a") + &parent("a"))), None);
}
