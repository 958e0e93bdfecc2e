//! The client's address behind trusted proxies: no client can forge it, whatever headers it sends.

#![allow(clippy::unwrap_used, reason = "a test ends where something fails")]

mod common;

use common::App;

/// The tests' own address is that of a trusted proxy.
fn behind_a_proxy() -> App {
    App::start(&[("APP_TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8")])
}

/// The address that `/info` and the request's log line name for a request with these headers.
fn client(app: &App, headers: &str) -> String {
    let answer = app.request(&format!(
        "GET /info HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n"
    ));
    assert_eq!(answer.status, 200, "{headers:?}");
    let shown = answer.json()["client"]["address"]
        .as_str()
        .unwrap()
        .to_owned();
    let line = app.wait_for_log(answer.header("x-request-id").unwrap());
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["client"], shown, "{headers:?}");
    shown
}

#[test]
fn the_entry_that_the_proxy_added_counts_wherever_it_added_it() {
    let app = behind_a_proxy();
    for headers in [
        "x-forwarded-for: 1.1.1.1, 203.0.113.9\r\n",
        "x-forwarded-for: 1.1.1.1\r\nx-forwarded-for: 203.0.113.9\r\n",
        "X-Forwarded-For: 1.1.1.1\r\nVia: x\r\nx-forwarded-for: 203.0.113.9, 10.0.0.7\r\n",
        "x-forwarded-for: 203.0.113.9\r\nx-forwarded-for: 10.0.0.7\r\nx-forwarded-for: 10.0.0.8\r\n",
        // No entry of the client's makes the proxy's unreadable.
        "x-forwarded-for: \u{e9}\r\nx-forwarded-for: 203.0.113.9\r\n",
        "x-forwarded-for:\r\nx-forwarded-for: 203.0.113.9\r\n",
    ] {
        assert_eq!(client(&app, headers), "203.0.113.9", "{headers:?}");
    }
}

#[test]
fn a_long_list_is_cut_where_it_is_shown_and_not_where_it_is_read() {
    let app = behind_a_proxy();
    let forged = ["1.1.1.1"; 200].join(", ");
    let headers = format!("x-forwarded-for: {forged}, 203.0.113.9\r\n");
    assert_eq!(client(&app, &headers), "203.0.113.9");
    let headers = format!("x-forwarded-for: {forged}\r\nx-forwarded-for: 203.0.113.9\r\n");
    assert_eq!(client(&app, &headers), "203.0.113.9");
}

#[test]
fn a_caller_that_names_two_traces_has_none() {
    let app = App::start(&[]);
    let parent = |digit: &str| {
        format!(
            "traceparent: 00-{}-00f067aa0ba902b7-01\r\n",
            digit.repeat(32)
        )
    };
    let ask = |headers: &str| {
        let request = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        let answer = app.request(&request);
        assert_eq!(answer.status, 200);
        answer.header("traceparent").map(str::to_owned)
    };
    assert!(ask(&parent("a")).unwrap().contains(&"a".repeat(32)));
    assert_eq!(ask(&(parent("a") + &parent("b"))), None);
    assert_eq!(ask(&(parent("a") + &parent("a"))), None);
}
