//! A process that was stopped for longer than a deadline, as by a paused virtual machine or a throttled
//! node: what clients sent meanwhile is read before any connection is closed as late.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::time::Duration;

use common::{App, Client, GET};

/// Long enough for the rest to arrive after the thaw on a busy machine.
const DEADLINE: &str = "3s";

const FROZEN: Duration = Duration::from_secs(4);

/// All deadlines are shorter than the time for which the process is stopped.
fn app() -> App {
    app_with(&[])
}

fn app_with(more: &[(&str, &str)]) -> App {
    let mut settings = vec![
        ("APP_FIRST_HEAD_TIMEOUT", DEADLINE),
        ("APP_NEXT_HEAD_TIMEOUT", DEADLINE),
        ("APP_BODY_TIMEOUT", DEADLINE),
        ("APP_ANSWER_TIMEOUT", DEADLINE),
        ("APP_KEEP_ALIVE", DEADLINE),
        ("APP_DRAIN_DELAY", "0s"),
        ("APP_DRAIN_DEADLINE", DEADLINE),
    ];
    settings.extend(more);
    App::start(&settings)
}

/// Stops the process, lets `during` happen and time pass, and continues the process.
fn freeze(app: &App, during: impl FnOnce()) {
    freeze_for(FROZEN, app, during);
}

fn freeze_for(time: Duration, app: &App, during: impl FnOnce()) {
    common::signal(app.pid(), "STOP");
    during();
    std::thread::sleep(time);
    common::signal(app.pid(), "CONT");
}

/// A client that sent the first part before the freeze, and sends the rest in it or after it.
struct Half {
    client: Client,
    rest: &'static [u8],
}

impl Half {
    fn new(app: &App, first: &[u8], rest: &'static [u8]) -> Self {
        let mut client = app.connect();
        client.send(first);
        Self { client, rest }
    }

    fn send_rest(&mut self) {
        self.client.send(self.rest);
    }

    fn status(&mut self) -> Option<u16> {
        self.client.try_response().map(|response| response.status)
    }
}

/// Clients in every phase that has a deadline of its own.
fn halves(app: &App) -> Vec<Half> {
    let echo = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345";
    let mut halves: Vec<_> = (0..20).map(|_| Half::new(app, b"", GET)).collect();
    halves.extend((0..5).map(|_| Half::new(app, &GET[..10], &GET[10..])));
    halves.extend((0..5).map(|_| Half::new(app, echo, b"67890")));
    halves.extend((0..5).map(|_| {
        let mut kept = Half::new(app, GET, GET);
        assert_eq!(kept.status(), Some(200));
        kept
    }));
    halves.extend((0..5).map(|_| {
        let mut kept = Half::new(app, GET, &GET[10..]);
        assert_eq!(kept.status(), Some(200));
        kept.client.send(&GET[..10]);
        kept
    }));
    // What was sent before this has been read, or is read before the clock advances again.
    assert_eq!(app.get("/healthz").status, 200);
    halves
}

fn assert_answered(halves: &mut [Half]) {
    let statuses: Vec<_> = halves.iter_mut().map(Half::status).collect();
    assert_eq!(statuses, vec![Some(200); halves.len()]);
}

#[test]
fn what_arrived_while_the_process_was_stopped_is_answered() {
    let app = app();
    let mut halves = halves(&app);
    freeze(&app, || {
        halves.iter_mut().for_each(Half::send_rest);
        halves.extend((0..20).map(|_| Half::new(&app, GET, b"")));
    });
    assert_answered(&mut halves);
}

#[test]
fn time_in_which_the_process_was_stopped_does_not_count_for_clients() {
    let app = app();
    let mut halves = halves(&app);
    freeze(&app, || {});
    halves.iter_mut().for_each(Half::send_rest);
    assert_answered(&mut halves);
}

/// The header of a health check (command LOCAL), and a request.
const PROXIED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

#[test]
fn a_proxy_header_may_come_after_the_process_was_stopped() {
    let app = app_with(&[
        ("APP_PROXY_PROTOCOL", "required"),
        ("APP_TRUSTED_PROXIES", "127.0.0.1"),
    ]);
    let cuts = [0, 5, 16, 20];
    let mut halves: Vec<_> = cuts
        .into_iter()
        .flat_map(|cut| [PROXIED.split_at(cut); 5])
        .map(|(first, rest)| Half::new(&app, first, rest))
        .collect();
    let mut probe = Half::new(&app, PROXIED, b"");
    assert_eq!(probe.status(), Some(200));
    freeze(&app, || {});
    halves.iter_mut().for_each(Half::send_rest);
    assert_answered(&mut halves);
}

#[test]
fn liveness_does_not_fail_because_the_process_was_stopped() {
    let app = App::start(&[]);
    let mut probes = Vec::new();
    freeze_for(Duration::from_secs(12), &app, || {
        probes.extend((0..20).map(|_| {
            let mut client = Client::connect(app.admin);
            client.send(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
            client
        }));
    });
    for probe in &mut probes {
        assert_eq!(probe.response().status, 200);
    }
}

#[test]
fn time_in_which_the_process_was_stopped_does_not_count_for_the_drain() {
    let app = app();
    let mut half = Half::new(&app, b"GET / HTTP/1.1\r\nhost: x\r\n", b"\r\n");
    assert_eq!(app.get("/healthz").status, 200);
    app.terminate();
    app.wait_for_log("listener closed");
    freeze(&app, || {});
    half.send_rest();
    assert_eq!(half.status(), Some(200));
    assert_eq!(app.wait().0.code(), Some(0));
}
