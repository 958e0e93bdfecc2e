//! The page's Content-Security-Policy, as the browser enforces it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use super::service::Pod;
use super::tab::Tab;

/// Serves a document that was changed in transit, and returns the errors that the browser reports.
fn complaints(pod: &Pod, from: &str, to: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(pod.address).expect("it listens");
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\naccept: text/html\r\nconnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.contains(from), "{from}");
    // Of the same length, so that Content-Length stays valid.
    let changed = answer.replace(from, to);
    assert_eq!(changed.len(), answer.len());
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let _ = client.read(&mut request);
            let _ = client.write_all(changed.as_bytes());
        }
    });
    Tab::open(&url).complaints()
}

#[test]
fn a_changed_script_does_not_run() {
    let pod = Pod::start(&[("APP_POD_NAME", "pod")]);
    let complaints = complaints(&pod, "\"use strict\";", "\"use static\";");
    let refused = |text: &String| text.contains("Content Security Policy");
    assert!(complaints.iter().any(refused), "{complaints:?}");
}

#[test]
fn a_changed_style_is_not_applied() {
    let pod = Pod::start(&[("APP_POD_NAME", "pod")]);
    let complaints = complaints(&pod, "border-box", "border-BOX");
    let refused = |text: &String| text.contains("Content Security Policy");
    assert!(complaints.iter().any(refused), "{complaints:?}");
}
