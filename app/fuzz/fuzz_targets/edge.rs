//! Any bytes on a real connection to the real service: the response is HTTP with one of the service's
//! statuses, the connection is closed, and the service continues. The response is the same whether or not
//! plain requests are answered without actix-http.
#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use app::settings::Settings;
use app::Bound;
use libfuzzer_sys::fuzz_target;

/// Every status of the service.
const STATUSES: [&str; 13] =
    ["100", "200", "204", "400", "404", "405", "408", "413", "415", "417", "431", "501", "505"];

/// The ports of three services.
struct Ports {
    /// One with the default settings.
    plain: u16,
    /// One that looks for faults in each request, and so answers none without actix-http.
    parsed: u16,
    /// One that reads PROXY headers.
    proxied: u16,
}

fn ports() -> &'static Ports {
    static PORTS: OnceLock<Ports> = OnceLock::new();
    PORTS.get_or_init(|| Ports {
        plain: start("off", "off"),
        parsed: start("off", "on"),
        proxied: start("optional", "off"),
    })
}

fn start(proxy_protocol: &str, faults: &str) -> u16 {
    let variables = [
        ("APP_LISTEN", "0.0.0.0:0"),
        ("APP_ADMIN_LISTEN", "127.0.0.1:0"),
        ("APP_WORKERS", "1"),
        ("APP_LOG", "off"),
        ("APP_FAULTS", faults),
        ("APP_PROXY_PROTOCOL", proxy_protocol),
        ("APP_TRUSTED_PROXIES", if proxy_protocol == "off" { "" } else { "127.0.0.0/8" }),
        ("APP_MAX_HEADER_BYTES", "1KiB"),
        ("APP_MAX_HEADERS", "16"),
        ("APP_MAX_BODY_BYTES", "2KiB"),
        // No client waits for a deadline: each closes its side. A client that is late would get another response.
        ("APP_FIRST_HEAD_TIMEOUT", "60s"),
        ("APP_NEXT_HEAD_TIMEOUT", "60s"),
        ("APP_BODY_TIMEOUT", "60s"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings::from_env(variables, "host").expect("the settings are right");
    let bound = Bound::bind(&settings).expect("loopback has a port");
    let port = bound.addresses().expect("it is bound").0.port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let never = std::future::pending;
        runtime.expect("a runtime").block_on(app::run(settings, bound, never(), never()))
    });
    port
}

/// A new address of the loopback network each time, so that ports do not run out.
fn connect(port: u16) -> TcpStream {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let host = 0x7f00_0001 + NEXT.fetch_add(1, Ordering::Relaxed) % 0xff_fffd;
    let address = SocketAddr::from((Ipv4Addr::from_bits(host), port));
    let stream = TcpStream::connect(address).expect("the service accepts");
    stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout can be set");
    stream.set_nodelay(true).expect("an option can be set");
    stream
}

/// The whole response, and whether it ended without a reset.
fn exchange(port: u16, first: &[u8], second: &[u8]) -> (Vec<u8>, bool) {
    let mut stream = connect(port);
    // The service may close before it has read everything.
    let _ = stream.write_all(first).and_then(|()| stream.write_all(second));
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut response = Vec::new();
    let read = stream.read_to_end(&mut response);
    if let Err(error) = &read {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection was never closed");
    }
    if !response.is_empty() {
        let status = response.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
        let status = status.and_then(|status| std::str::from_utf8(status).ok());
        assert!(status.is_some_and(|status| STATUSES.contains(&status)), "{response:?}");
    }
    // Closed with a reset, so that nothing stays behind for a minute.
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    (response, read.is_ok())
}

/// The responses, each as its lines sorted by name, without the parts that are never the same twice.
fn comparable(responses: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(responses);
    text.split_inclusive("HTTP/1.")
        .map(|response| {
            let lines = response.lines().filter(|line| !line.starts_with("date: "));
            let mut lines: Vec<_> = lines.map(mask).collect();
            lines.sort();
            lines
        })
        .collect()
}

/// Without ids: runs of 16 hexadecimal digits.
fn mask(line: &str) -> String {
    let mut masked = String::new();
    for part in line.split_inclusive(|char: char| !char.is_ascii_hexdigit()) {
        let digits = part.trim_end_matches(|char: char| !char.is_ascii_hexdigit());
        let kept = if digits.len() == 16 { &part[16..] } else { part };
        masked.push_str(kept);
    }
    masked
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (proxied, cut, bytes) = input;
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let ports = ports();
    if proxied {
        exchange(ports.proxied, first, second);
        return;
    }
    let (plain, whole) = exchange(ports.plain, first, second);
    // `/info` differs between the two services, and the other one obeys this header.
    if contains(bytes, b"info") || contains(bytes, b"x-app-fault") {
        return;
    }
    let (parsed, both_whole) = exchange(ports.parsed, first, second);
    if whole && both_whole {
        let (plain, parsed) = (comparable(&plain), comparable(&parsed));
        assert_eq!(plain, parsed, "{:?}", String::from_utf8_lossy(bytes));
    }
});
