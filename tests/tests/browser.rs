//! The page in headless Chromium, as a person sees it: three pods behind a load balancer that chooses
//! one for each connection.
//!
//! `UPDATE_SCREENSHOT=1` writes `docs/images/app.png`, which the README shows.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One pod: the real binary on a port of the kernel's choice.
struct Pod {
    child: Child,
    address: SocketAddr,
}

impl Pod {
    fn start(name: &str, zone: &str) -> Self {
        let mut child = Command::new(service())
            .env_clear()
            .envs([
                ("APP_LISTEN", "127.0.0.1:0"),
                ("APP_ADMIN_LISTEN", "127.0.0.1:0"),
                ("APP_DRAIN_PROFILE", "off"),
                ("APP_WORKERS", "1"),
                ("APP_POD_NAME", name),
                ("APP_POD_NAMESPACE", "rust-app"),
                ("APP_NODE_NAME", "ip-10-0-31-7.eu-west-1.compute.internal"),
                ("APP_ZONE", zone),
                ("APP_LOG", "info,app::request=off"),
                ("APP_LOG_FORMAT", "json"),
            ])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let listening = lines.next().expect("a line").expect("it is text");
        let listening: serde_json::Value = serde_json::from_str(&listening).expect("it is JSON");
        let address = listening["public"]
            .as_str()
            .expect("an address")
            .parse()
            .expect("valid");
        // Whoever is not listened to would block in the end.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The service's binary, which cargo builds into the directory that this test is in.
fn service() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a file");
    let target = test
        .parent()
        .and_then(Path::parent)
        .expect("it is in target/PROFILE/deps");
    let binary = target.join("rust-k8s-app");
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--package",
        "app",
        "--bin",
        "rust-k8s-app",
    ]);
    if target.ends_with("release") {
        build.arg("--release");
    }
    build
        .arg("--target-dir")
        .arg(target.parent().expect("target/ has a profile in it"));
    assert!(build.status().expect("cargo runs").success());
    binary
}

/// Gives each connection to the next pod, as an NLB with few clients does.
fn balance(pods: &[Pod]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    let address = listener.local_addr().expect("it is bound");
    let pods: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let next = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let pod = pods[next.fetch_add(1, Ordering::Relaxed) % pods.len()];
            let Ok(server) = TcpStream::connect(pod) else {
                continue;
            };
            let ways = [
                (client.try_clone(), server.try_clone()),
                (Ok(server), Ok(client)),
            ];
            for (from, to) in ways {
                let (Ok(mut from), Ok(mut to)) = (from, to) else {
                    continue;
                };
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    address
}

/// Chromium without a window, a sandbox of its own or anybody to report to.
fn chromium(profile: &Path, more: &[&str], url: &str) -> String {
    let mut command = Command::new("chromium");
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            // Time runs as fast as the answers come, and this much of it passes.
            "--virtual-time-budget=12000",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(more)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .expect("chromium is installed: apt-get install chromium");
    let mut stdout = child.stdout.take().expect("it is piped");
    let mut stderr = child.stderr.take().expect("it is piped");
    let dom = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let log = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr
            .read_to_end(&mut text)
            .map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is ours") {
            break status;
        }
        if begun.elapsed() > Duration::from_secs(90) {
            let _ = child.kill();
            let _ = child.wait();
            panic!("chromium does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let log = log.join().expect("no panic").expect("it is read");
    assert!(status.success(), "{log}");
    if let Some(line) = log.lines().find(|line| line.contains("CONSOLE")) {
        panic!("the page complains: {line}");
    }
    dom.join().expect("no panic").expect("it is text")
}

/// The text of the element with this id.
fn text<'a>(dom: &'a str, id: &str) -> &'a str {
    let (_, rest) = dom
        .split_once(&format!("id=\"{id}\""))
        .unwrap_or_else(|| panic!("no {id}: {dom}"));
    let (_, rest) = rest.split_once('>').expect("the tag ends");
    rest.split_once('<').expect("the element ends").0
}

fn pods() -> Vec<Pod> {
    [
        ("x2lqp", "eu-west-1a"),
        ("7vkzt", "eu-west-1b"),
        ("m9d4c", "eu-west-1c"),
    ]
    .iter()
    .map(|(suffix, zone)| Pod::start(&format!("rust-app-6d5f9c7b44-{suffix}"), zone))
    .collect()
}

#[test]
fn a_browser_sees_the_way_and_all_pods_answer() {
    let pods = pods();
    let url = format!("http://{}/", balance(&pods));
    let profile = tempfile::tempdir().expect("a directory");
    let dom = chromium(profile.path(), &["--dump-dom"], &url);
    assert!(
        dom.contains("<h1>Hello from Rust on Kubernetes!</h1>"),
        "{dom}"
    );
    assert_eq!(text(&dom, "you"), "127.0.0.1");
    assert!(url.contains(text(&dom, "host")), "{}", text(&dom, "host"));
    assert_eq!(text(&dom, "pods"), "3 pods");
    let total: u32 = text(&dom, "total")
        .replace(',', "")
        .parse()
        .expect("a number");
    assert!(total >= 20, "{total} answers in 12 s at four a second");
    assert_eq!(text(&dom, "failed"), "");
    for suffix in ["x2lqp", "7vkzt", "m9d4c"] {
        let row = format!("</svg>rust-app-6d5f9c7b44-{suffix}</td>");
        assert!(dom.contains(&row), "{suffix} has a row: {dom}");
    }
}

#[test]
fn a_pod_that_dies_is_seen() {
    let mut pods = pods();
    let url = format!("http://{}/", balance(&pods));
    // Its address stays with the balancer, which cannot connect there any more.
    drop(pods.pop());
    let profile = tempfile::tempdir().expect("a directory");
    let dom = chromium(profile.path(), &["--dump-dom"], &url);
    assert_eq!(text(&dom, "pods"), "2 pods");
    assert!(text(&dom, "failed").ends_with(" failed."), "{dom}");
}

#[test]
fn a_foreign_script_is_not_run() {
    // The policy is the browser's to enforce: a page that was tampered with on its way loses the
    // script that does not match the digest, and says so on its console.
    let pod = Pod::start("pod", "zone");
    let mut stream = TcpStream::connect(pod.address).expect("it listens");
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\naccept: text/html\r\nconnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let tampered = answer.replace("let total = 0", "let total = 7");
    assert_ne!(tampered, answer);
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let _ = client.read(&mut request);
            let _ = client.write_all(tampered.as_bytes());
        }
    });
    let profile = tempfile::tempdir().expect("a directory");
    let complaint = std::panic::catch_unwind(|| chromium(profile.path(), &["--dump-dom"], &url));
    let complaint = complaint.expect_err("the browser refuses the script");
    let complaint = complaint.downcast_ref::<String>().expect("a message");
    assert!(complaint.contains("Content Security Policy"), "{complaint}");
}

#[test]
fn the_page_can_be_shown() {
    let pods = pods();
    let url = format!("http://{}/", balance(&pods));
    let directory = tempfile::tempdir().expect("a directory");
    for (name, size, more) in [
        ("light", "1200,940", ""),
        (
            "dark",
            "1200,940",
            "--blink-settings=preferredColorScheme=0",
        ),
        ("narrow", "420,1300", ""),
    ] {
        let shot = directory.path().join(format!("{name}.png"));
        let screenshot = format!("--screenshot={}", shot.display());
        let window = format!("--window-size={size}");
        let mut arguments = vec![screenshot.as_str(), window.as_str()];
        arguments.extend((!more.is_empty()).then_some(more));
        chromium(
            &directory.path().join(format!("profile-{name}")),
            &arguments,
            &url,
        );
        let png = std::fs::read(&shot).expect("a picture");
        assert!(
            png.starts_with(b"\x89PNG") && png.len() > 10_000,
            "{name}: {} bytes",
            png.len()
        );
        if name == "light" {
            keep(&shot);
        }
    }
}

/// Keeps the picture for the README, where that was asked for.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test, read where it is used"
)]
fn keep(shot: &Path) {
    if std::env::var_os("UPDATE_SCREENSHOT").is_some() {
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
        std::fs::create_dir_all(&images).expect("docs can be written");
        std::fs::copy(shot, images.join("app.png")).expect("docs can be written");
    }
}
