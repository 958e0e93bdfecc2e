//! Each semantic of the balancer, by itself.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Health, HealthCheck, LoadBalancer, Rules, Scale, WhenUnhealthy};

/// Slow enough that a busy machine keeps the order of things.
const SCALE: Scale = Scale(100);
const PATIENCE: Duration = Duration::from_secs(10);

/// A target that answers `/healthz` as told and everything else with its name.
struct Target {
    address: SocketAddr,
    health: Arc<AtomicU16>,
    accepted: Arc<AtomicU64>,
    /// The next connection ends the listener.
    closed: Arc<AtomicBool>,
}

impl Target {
    fn start(name: char) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Self {
            address: listener.local_addr().unwrap(),
            health: Arc::new(AtomicU16::new(200)),
            accepted: Arc::default(),
            closed: Arc::default(),
        };
        let (health, accepted) = (Arc::clone(&target.health), Arc::clone(&target.accepted));
        let closed = Arc::clone(&target.closed);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let (health, accepted) = (Arc::clone(&health), Arc::clone(&accepted));
                std::thread::spawn(move || serve(&stream.unwrap(), name, &health, &accepted));
            }
        });
        target
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        while TcpStream::connect(self.address).is_ok() {}
    }
}

fn serve(mut stream: &TcpStream, name: char, health: &AtomicU16, accepted: &AtomicU64) {
    let mut first = true;
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let check = buffer[..count].starts_with(b"GET /healthz ");
        if std::mem::take(&mut first) && !check {
            accepted.fetch_add(1, Ordering::SeqCst);
        }
        let status = if check {
            health.load(Ordering::SeqCst)
        } else {
            200
        };
        let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 1\r\n\r\n{name}");
        if stream.write_all(answer.as_bytes()).is_err() || check {
            return;
        }
    }
}

/// A client's connection through the balancer.
struct Client(TcpStream);

impl Client {
    fn connect(lb: &LoadBalancer) -> Self {
        let stream = TcpStream::connect(lb.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Asks once; the name of the target that answered.
    fn ask(&mut self) -> Result<char, ErrorKind> {
        let mut answer = [0; 1024];
        self.0
            .write_all(b"GET / HTTP/1.1\r\n\r\n")
            .map_err(|error| error.kind())?;
        match self.0.read(&mut answer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof),
            Ok(count) => Ok(char::from(answer[count - 1])),
            Err(error) => Err(error.kind()),
        }
    }

    /// How an idle connection ends.
    fn end(&mut self) -> Result<usize, ErrorKind> {
        self.0.read(&mut [0]).map_err(|error| error.kind())
    }
}

fn rules() -> Rules {
    Rules::nlb("/healthz", SCALE)
}

/// The same, but a target that is gone is noticed later than a busy machine takes for the test.
fn late(rules: Rules) -> Rules {
    let check = HealthCheck {
        unhealthy_threshold: 20,
        ..rules.check
    };
    Rules { check, ..rules }
}

/// A balancer with a healthy target.
fn one(rules: Rules) -> (LoadBalancer, Target) {
    let (lb, target) = (LoadBalancer::start(rules).unwrap(), Target::start('a'));
    lb.register(target.address);
    assert!(lb.wait_for(target.address, Health::Healthy, PATIENCE));
    (lb, target)
}

/// A balancer with two healthy targets.
fn two(rules: Rules) -> (LoadBalancer, Target, Target) {
    let (lb, a) = one(rules);
    let b = Target::start('b');
    lb.register(b.address);
    assert!(lb.wait_for(b.address, Health::Healthy, PATIENCE));
    (lb, a, b)
}

/// Which targets answer 64 new connections.
fn answering(lb: &LoadBalancer) -> String {
    let mut names: Vec<_> = (0..64)
        .map(|_| Client::connect(lb).ask().unwrap())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().collect()
}

#[test]
fn a_connection_keeps_its_target() {
    let (lb, a, b) = two(rules());
    let mut client = Client::connect(&lb);
    let name = client.ask().unwrap();
    assert!((0..50).all(|_| client.ask() == Ok(name)));
    assert_eq!(
        a.accepted.load(Ordering::SeqCst) + b.accepted.load(Ordering::SeqCst),
        1
    );
    assert_eq!(answering(&lb), "ab");
}

#[test]
fn a_new_target_serves_after_its_checks_passed() {
    let (lb, _a) = one(rules());
    let b = Target::start('b');
    b.health.store(503, Ordering::SeqCst);
    lb.register(b.address);
    std::thread::sleep(SCALE.seconds(100));
    assert_eq!(
        (lb.health(b.address), answering(&lb).as_str()),
        (Some(Health::Unhealthy), "a")
    );
    b.health.store(399, Ordering::SeqCst);
    assert!(lb.wait_for(b.address, Health::Healthy, PATIENCE));
    assert_eq!(answering(&lb), "ab");
}

#[test]
fn new_connections_keep_coming_after_deregistration() {
    let (lb, _a, b) = two(rules());
    lb.deregister(b.address);
    let deregistered = Instant::now();
    assert_eq!(
        answering(&lb),
        "ab",
        "the lag is {:?}",
        rules().deregistration_lag
    );
    assert!(lb.counters().to_deregistered > 0);
    std::thread::sleep(
        rules()
            .deregistration_lag
            .saturating_sub(deregistered.elapsed()),
    );
    assert_eq!(answering(&lb), "a");
}

#[test]
fn a_live_connection_outlives_deregistration() {
    let (lb, a) = one(Rules {
        deregistration_delay: SCALE.seconds(50),
        ..rules()
    });
    let mut client = Client::connect(&lb);
    client.ask().unwrap();
    lb.deregister(a.address);
    std::thread::sleep(SCALE.seconds(200));
    assert_eq!(client.ask(), Ok('a'));
    assert_eq!(lb.counters().reset, 0);
    let mut late = Client::connect(&lb);
    assert!(late.ask().is_err(), "there is no target left");
    assert_eq!(lb.counters().no_target, 1);
}

#[test]
fn connection_termination_resets_at_the_end_of_the_delay() {
    let (lb, a) = one(Rules {
        deregistration_delay: SCALE.seconds(60),
        reset_after_deregistration: true,
        ..rules()
    });
    let mut client = Client::connect(&lb);
    client.ask().unwrap();
    lb.deregister(a.address);
    let deregistered = Instant::now();
    assert_eq!(client.end(), Err(ErrorKind::ConnectionReset));
    assert!(deregistered.elapsed() >= SCALE.seconds(60));
    assert_eq!(lb.counters().reset, 1);
}

/// Two targets, and a connection to one, which becomes unhealthy.
fn fall(rules: Rules) -> (LoadBalancer, Target, Target, Client) {
    let (lb, a, b) = two(rules);
    let mut client = Client::connect(&lb);
    while client.ask().unwrap() != 'b' {
        client = Client::connect(&lb);
    }
    b.health.store(503, Ordering::SeqCst);
    (lb, a, b, client)
}

#[test]
fn live_connections_of_an_unhealthy_target_are_reset() {
    let (lb, _a, b, mut client) = fall(rules());
    assert_eq!(client.end(), Err(ErrorKind::ConnectionReset));
    assert_eq!(lb.health(b.address), Some(Health::Unhealthy));
    // As after a deregistration, the news takes its time to every node.
    assert_eq!(answering(&lb), "ab");
    std::thread::sleep(rules().unhealthy_lag);
    assert_eq!(answering(&lb), "a");
}

#[test]
fn without_termination_they_live_for_the_draining_interval() {
    let interval = SCALE.seconds(100);
    let drain = Rules {
        when_unhealthy: WhenUnhealthy::Drain(interval),
        ..rules()
    };
    let (lb, _a, b, mut client) = fall(drain);
    assert!(lb.wait_for(b.address, Health::Unhealthy, PATIENCE));
    let fell = Instant::now();
    assert_eq!(client.ask(), Ok('b'));
    assert_eq!(client.end(), Err(ErrorKind::ConnectionReset));
    assert!(
        fell.elapsed() + SCALE.seconds(10) >= interval,
        "{:?}",
        fell.elapsed()
    );
}

#[test]
fn a_deregistered_target_can_still_fall() {
    let (lb, _a, b, mut client) = fall(rules());
    lb.deregister(b.address);
    assert_eq!(client.end(), Err(ErrorKind::ConnectionReset));
}

#[test]
fn with_no_healthy_target_it_fails_open_and_resets_nothing() {
    let (lb, a) = one(rules());
    let mut client = Client::connect(&lb);
    client.ask().unwrap();
    a.health.store(503, Ordering::SeqCst);
    assert!(lb.wait_for(a.address, Health::Unhealthy, PATIENCE));
    std::thread::sleep(rules().unhealthy_lag);
    assert_eq!((client.ask(), answering(&lb).as_str()), (Ok('a'), "a"));
    assert_eq!(lb.counters().reset, 0);
    assert!(lb.counters().to_unhealthy >= 64);
}

#[test]
fn a_refused_connection_is_reset_and_not_tried_elsewhere() {
    let (lb, a, _b) = two(late(rules()));
    a.close();
    let mut refused = 0;
    for _ in 0..64 {
        match Client::connect(&lb).ask() {
            Ok(name) => assert_eq!(name, 'b'),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0);
    assert_eq!(lb.counters().refused, refused);
    // Then the checks notice.
    assert!(lb.wait_for(a.address, Health::Unhealthy, PATIENCE));
    std::thread::sleep(rules().unhealthy_lag);
    assert_eq!(answering(&lb), "b");
}

#[test]
fn an_idle_connection_is_cut() {
    let (lb, _a) = one(Rules {
        idle_timeout: Duration::from_millis(300),
        ..rules()
    });
    let mut client = Client::connect(&lb);
    for _ in 0..10 {
        client.ask().unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    let rested = Instant::now();
    assert_eq!(client.end(), Err(ErrorKind::ConnectionReset));
    assert!(rested.elapsed() >= Duration::from_millis(200));
    assert_eq!(lb.counters().idle, 1);
}

fn alb() -> Rules {
    let (alb, nlb) = (Rules::alb("/healthz", SCALE), rules());
    Rules {
        check: nlb.check,
        idle_timeout: nlb.idle_timeout,
        ..alb
    }
}

#[test]
fn an_alb_balances_the_requests_of_one_connection() {
    let (lb, a, b) = two(alb());
    let mut client = Client::connect(&lb);
    let names: String = (0..64).map(|_| client.ask().unwrap()).collect();
    assert!(names.contains('a') && names.contains('b'), "{names}");
    // One client: one kept connection to each.
    assert_eq!(
        a.accepted.load(Ordering::SeqCst) + b.accepted.load(Ordering::SeqCst),
        2
    );
}

#[test]
fn an_alb_answers_502_for_a_target_that_refuses() {
    let (lb, a, _b) = two(late(alb()));
    a.close();
    let mut client = Client::connect(&lb);
    let mut answers = Vec::new();
    for _ in 0..64 {
        client.0.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = [0; 1024];
        let count = client.0.read(&mut answer).unwrap();
        answers.push(answer[..count].starts_with(b"HTTP/1.1 502 "));
    }
    let refused = answers.iter().filter(|&&refused| refused).count() as u64;
    assert!(refused > 0 && refused < 64);
    assert_eq!(
        (lb.counters().bad_gateway, lb.counters().refused),
        (refused, refused)
    );
}

#[test]
fn an_alb_takes_a_targets_close_for_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&accepted);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).unwrap_or(0);
            count.fetch_add(
                u64::from(!buffer[..read].starts_with(b"GET /healthz ")),
                Ordering::SeqCst,
            );
            let answer = "HTTP/1.1 200 x\r\nConnection: close\r\nContent-Length: 1\r\n\r\na";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let lb = LoadBalancer::start(alb()).unwrap();
    lb.register(target);
    assert!(lb.wait_for(target, Health::Healthy, PATIENCE));
    let mut client = Client::connect(&lb);
    assert!((0..10).all(|_| client.ask() == Ok('a')));
    assert_eq!(
        (accepted.load(Ordering::SeqCst), lb.counters().bad_gateway),
        (10, 0)
    );
}
