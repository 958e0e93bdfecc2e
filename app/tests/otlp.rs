//! Traces, sent to a receiver that decodes them with the published schema.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![cfg(feature = "otlp")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use common::{App, HANG_LIMIT, wait};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;

/// A collector that keeps connections open, and answers with these statuses in turn, then 200.
fn collector(statuses: &'static [u16]) -> (String, Receiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut statuses = statuses.iter();
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            while let Some(body) = export_request(&mut stream) {
                let status = statuses.next().copied().unwrap_or(200);
                let response = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
                stream.get_mut().write_all(response.as_bytes()).unwrap();
                if status == 200 {
                    let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
                    let _ = sender.send(request);
                }
            }
        }
    });
    (url, receiver)
}

/// The body of the next request on a connection; `None` if the connection is closed.
fn export_request(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(
        head.contains("\r\ncontent-type: application/x-protobuf\r\n"),
        "{head}"
    );
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    Some(body)
}

fn spans(request: &ExportTraceServiceRequest) -> &[Span] {
    &request.resource_spans[0].scope_spans[0].spans
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let pair = span.attributes.iter().find(|pair| pair.key == key)?;
    Some(match pair.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_request_is_a_span_of_its_callers_trace() {
    let (url, received) = collector(&[503]);
    let app = App::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url),
        ("OTEL_SERVICE_NAME", "hello"),
        ("APP_ZONE", "eu-west-1a"),
        ("APP_FAULTS", "on"),
    ]);
    let response = app.request(
        "GET /info HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-app-fault: status=500\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
    );
    let request = received.recv_timeout(HANG_LIMIT).expect("a 503 is retried");
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let mut keys: Vec<_> = resource
        .attributes
        .iter()
        .map(|pair| pair.key.as_str())
        .collect();
    keys.sort_unstable();
    assert!(
        keys.contains(&"service.name") && keys.contains(&"k8s.pod.name"),
        "{keys:?}"
    );
    assert!(keys.contains(&"cloud.availability_zone") && !keys.contains(&"k8s.node.name"));
    let [span] = spans(&request) else {
        panic!("{request:?}")
    };
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(String::new(), |all, byte| all + &format!("{byte:02x}"))
    };
    assert_eq!(hex(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&span.parent_span_id), "00f067aa0ba902b7");
    assert!(
        response
            .header("traceparent")
            .unwrap()
            .contains(&hex(&span.span_id))
    );
    assert_eq!(span.name, "GET /info");
    assert_eq!(span.kind, SpanKind::Server as i32);
    assert_eq!(span.status.as_ref().unwrap().code, StatusCode::Error as i32);
    assert_eq!(
        attribute(span, "http.response.status_code").as_deref(),
        Some("500")
    );
    assert_eq!(attribute(span, "http.route").as_deref(), Some("/info"));
    assert_eq!(attribute(span, "url.path").as_deref(), Some("/info"));
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    assert!(span.start_time_unix_nano > 1_600_000_000_000_000_000);
    wait("the count", || {
        (app.count("app_spans_total{outcome=\"sent\"}") == 1).then_some(())
    });
}

#[test]
fn the_last_spans_are_sent_before_the_process_stops() {
    let (url, received) = collector(&[]);
    let app = App::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]);
    app.get("/");
    app.terminate();
    assert_eq!(app.wait().0.code(), Some(0));
    assert_eq!(spans(&received.recv_timeout(HANG_LIMIT).unwrap()).len(), 1);
}

#[test]
fn unsampled_requests_are_not_sent() {
    let (url, received) = collector(&[]);
    let app = App::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &url),
        ("APP_TRACE_PERCENT", "0"),
    ]);
    let ask = |flags: &str| {
        app.request(&format!(
            "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}\r\n\r\n"
        ))
    };
    app.get("/");
    assert!(ask("00").header("traceparent").unwrap().ends_with("-00"));
    ask("01");
    app.terminate();
    assert_eq!(app.wait().0.code(), Some(0));
    assert_eq!(spans(&received.recv_timeout(HANG_LIMIT).unwrap()).len(), 1);
    assert!(received.try_recv().is_err());
}

#[test]
fn spans_for_a_collector_that_is_gone_are_counted_and_delay_no_request() {
    let app = App::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]);
    for _ in 0..50 {
        assert_eq!(app.get("/").status, 200);
    }
    app.wait_for_log("cannot send traces");
    assert!(app.count("app_spans_total{outcome=\"dropped\"}") >= 1);
    app.terminate();
    assert_eq!(app.wait().0.code(), Some(0));
}

#[test]
fn a_collector_that_keeps_the_connection_open_gets_each_span_once() {
    let (url, received) = collector(&[]);
    let app = App::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]);
    for sent in 1..=3 {
        app.get("/");
        wait("the span to be counted", || {
            (app.count("app_spans_total{outcome=\"sent\"}") == sent).then_some(())
        });
    }
    app.terminate();
    assert_eq!(app.wait().0.code(), Some(0));
    let total: usize = received
        .try_iter()
        .map(|request| spans(&request).len())
        .sum();
    assert_eq!(total, 3);
}

#[test]
fn methods_and_paths_of_a_client_are_not_in_a_spans_name() {
    let (url, received) = collector(&[]);
    let app = App::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]);
    let ask = |request: &str| {
        app.request(&format!(
            "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ));
        let request = received.recv_timeout(HANG_LIMIT).unwrap();
        spans(&request)[0].clone()
    };
    let unknown_path = ask("GET /lost?secret=1");
    assert_eq!(unknown_path.name, "GET");
    assert_eq!(attribute(&unknown_path, "http.route"), None);
    assert_eq!(
        attribute(&unknown_path, "url.path").as_deref(),
        Some("/lost")
    );
    let deleted = ask("DELETE /");
    assert_eq!(deleted.name, "DELETE /");
    assert_eq!(
        attribute(&deleted, "http.request.method").as_deref(),
        Some("DELETE")
    );
    let unknown_method = ask("BREW /info");
    assert_eq!(unknown_method.name, "HTTP /info");
    assert_eq!(
        attribute(&unknown_method, "http.request.method").as_deref(),
        Some("_OTHER")
    );
    assert_eq!(
        attribute(&unknown_method, "http.request.method_original").as_deref(),
        Some("BREW")
    );
}
