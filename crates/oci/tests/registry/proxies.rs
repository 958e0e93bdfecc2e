//! Requests through a proxy, and around it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use oci::registry::{Problem, Proxies, RegistryError, Repository, Settings};
use test_registry::{Behaviour, TestRegistry};

use crate::fixture::{NAME, anyone, assert_there, image, push, settings};

/// A name that does not resolve: it can only be reached through a proxy.
const HOST: &str = "registry.invalid:5000";

/// An HTTP proxy that forwards every request to one registry, whatever its host. It logs
/// request lines and `Proxy-Authorization`.
struct Proxy {
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, log) = (listener.local_addr().unwrap(), Arc::default());
        let shared: Arc<Mutex<Vec<String>>> = Arc::clone(&log);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, upstream) = (Arc::clone(&shared), upstream.clone());
                thread::spawn(move || while forward(&stream, &upstream, &log).is_some() {});
            }
        });
        Self { address, log }
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

/// Forwards one request; a body is announced by its length.
fn forward(client: &TcpStream, upstream: &str, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::with_capacity(1, client);
    let (mut line, head, body) = message(&mut reader, true)?;
    let wanted = |text: &&str| text.to_ascii_lowercase().starts_with("proxy-authorization");
    let mut shared = log.lock().unwrap();
    shared.push(line.trim_end().to_owned());
    shared.extend(head.lines().find(wanted).map(str::to_owned));
    drop(shared);
    if line.starts_with("CONNECT") {
        let _ = (&mut &*client).write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        return None;
    }
    line = line.replace(&format!("http://{HOST}"), "");
    let mut server = TcpStream::connect(upstream).ok()?;
    server.write_all(format!("{line}{head}").as_bytes()).ok()?;
    server.write_all(&body).ok()?;
    let mut reader = BufReader::new(&server);
    let (status, head, body) = message(&mut reader, !line.starts_with("HEAD"))?;
    let mut client = client;
    client
        .write_all(format!("{status}{head}").as_bytes())
        .ok()?;
    client.write_all(&body).ok()
}

/// First line, headers with the empty line, and body.
fn message(reader: &mut impl BufRead, has_body: bool) -> Option<(String, String, Vec<u8>)> {
    let (mut first, mut head) = (String::new(), String::new());
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    while !head.ends_with("\r\n\r\n") && head != "\r\n" {
        reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.filter(|_| has_body).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((first, head, body))
}

fn via(variables: &[(&str, String)]) -> Settings {
    Settings {
        plain_http: true,
        proxies: Proxies::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        }),
        ..settings()
    }
}

fn there(settings: Settings) -> Repository {
    let reference = format!("{HOST}/{NAME}").parse().unwrap();
    Repository::push(&reference, settings, anyone()).unwrap()
}

#[test]
fn plain_http_goes_through_the_proxy_with_the_whole_url() {
    let registry = TestRegistry::start(Behaviour::default());
    let proxy = Proxy::start(registry.host());
    let url = format!("http://us%40er:pass@{}", proxy.address);
    let image = image();
    push(&image, &there(via(&[("http_proxy", url)])), &["v1"]).unwrap();
    assert_there(&registry, &image, "v1");
    let log = proxy.log();
    let (requests, credentials): (Vec<_>, Vec<_>) =
        log.iter().partition(|line| line.ends_with("HTTP/1.1"));
    assert!(
        requests
            .iter()
            .all(|line| line.contains(&format!(" http://{HOST}/v2/"))),
        "{requests:?}"
    );
    assert_eq!(requests.len(), credentials.len());
    let expected = "proxy-authorization: Basic dXNAZXI6cGFzcw==";
    assert!(
        credentials
            .iter()
            .all(|line| line.eq_ignore_ascii_case(expected)),
        "{credentials:?}"
    );
}

#[test]
fn a_registry_in_no_proxy_is_reached_directly() {
    let registry = TestRegistry::start(Behaviour::default());
    let proxy = Proxy::start(registry.host());
    let variables = [
        ("HTTP_PROXY", format!("http://{}", proxy.address)),
        ("NO_PROXY", " other.example, .invalid".to_owned()),
    ];
    let port = registry.host().rsplit_once(':').unwrap().1.to_owned();
    let settings = Settings {
        resolve: vec![
            format!("registry.invalid:{port}:127.0.0.1")
                .parse()
                .unwrap(),
        ],
        ..via(&variables)
    };
    let reference = format!("registry.invalid:{port}/{NAME}").parse().unwrap();
    let repository = Repository::push(&reference, settings, anyone()).unwrap();
    let image = image();
    push(&image, &repository, &["v1"]).unwrap();
    assert_there(&registry, &image, "v1");
    assert_eq!(proxy.log(), Vec::<String>::new());
}

fn error(settings: Settings) -> RegistryError {
    there(settings).resolve("v1").unwrap_err()
}

#[test]
fn a_proxy_that_fails_is_named_without_its_password() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let refusing = Proxy::start(String::new()).address;
    let dead = |variable| (variable, format!("http://user:hunter2@{closed}"));
    let https = |settings| Settings {
        plain_http: false,
        ..settings
    };
    for (settings, address) in [
        (via(&[dead("HTTP_PROXY")]), closed),
        (https(via(&[dead("HTTPS_PROXY")])), closed),
        (
            https(via(&[("HTTPS_PROXY", format!("{refusing}"))])),
            refusing,
        ),
    ] {
        let error = error(settings);
        let text = format!("{error} {error:?}");
        let named = format!("through the proxy http://{address}: ");
        assert!(error.to_string().contains(&named), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_proxy_that_cannot_be_used_fails_the_request() {
    let socks = ("HTTP_PROXY", "socks5://127.0.0.1:1".to_owned());
    let error = error(via(&[socks]));
    assert!(matches!(*error.problem, Problem::Proxy(_)), "{error}");
    assert!(error.to_string().contains("HTTP_PROXY"), "{error}");
}
