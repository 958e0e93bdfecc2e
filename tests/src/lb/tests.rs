//! Each property of the balancer, on its own.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Health, HealthCheck, LoadBalancer, Rules, Scale, WhenUnhealthy};

const SCALE: Scale = Scale(100);
/// A limit against a hang, far above what a busy machine needs.
const TIMEOUT: Duration = Duration::from_mins(2);
/// For a delay that must not pass during a test, however slow the machine is.
const NEVER: Duration = Duration::from_hours(1);

/// A target that answers `/healthz` with a given status and everything else with its name.
struct Target {
    address: SocketAddr,
    health: Arc<AtomicU16>,
    accepted: Arc<AtomicU64>,
    /// The listener closes at the next connection.
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
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        Self(stream)
    }

    /// Sends one request, and returns the name of the target that answered.
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

    /// The result of reading from an idle connection.
    fn end(&mut self) -> Result<usize, ErrorKind> {
        self.0.read(&mut [0]).map_err(|error| error.kind())
    }
}

/// As an NLB, with timeouts that a slow machine does not exceed.
fn rules() -> Rules {
    let nlb = Rules::nlb("/healthz", SCALE);
    Rules {
        check: HealthCheck {
            timeout: TIMEOUT,
            ..nlb.check
        },
        idle_timeout: NEVER,
        ..nlb
    }
}

/// The same, but no check ever finds a target unhealthy.
fn unnoticed(rules: Rules) -> Rules {
    let check = HealthCheck {
        unhealthy_threshold: u32::MAX,
        ..rules.check
    };
    Rules { check, ..rules }
}

/// A balancer with a healthy target.
fn one(rules: Rules) -> (LoadBalancer, Target) {
    let (lb, target) = (LoadBalancer::start(rules).unwrap(), Target::start('a'));
    lb.register(target.address);
    assert!(lb.wait_for(target.address, Health::Healthy, TIMEOUT));
    (lb, target)
}

/// A balancer with two healthy targets.
fn two(rules: Rules) -> (LoadBalancer, Target, Target) {
    let (lb, a) = one(rules);
    let b = Target::start('b');
    lb.register(b.address);
    assert!(lb.wait_for(b.address, Health::Healthy, TIMEOUT));
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

/// Waits until these targets alone answer new connections.
fn wait_until_answering(lb: &LoadBalancer, names: &str) {
    let deadline = Instant::now() + TIMEOUT;
    while answering(lb) != names {
        assert!(Instant::now() < deadline, "{names} alone never answer");
    }
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
    assert!(lb.wait_for(b.address, Health::Unhealthy, TIMEOUT));
    assert_eq!(answering(&lb), "a");
    b.health.store(399, Ordering::SeqCst);
    assert!(lb.wait_for(b.address, Health::Healthy, TIMEOUT));
    assert_eq!(answering(&lb), "ab");
}

#[test]
fn new_connections_keep_coming_during_the_deregistration_lag() {
    let (lb, _a, b) = two(Rules {
        deregistration_lag: NEVER,
        ..rules()
    });
    lb.deregister(b.address);
    assert_eq!(answering(&lb), "ab");
    assert!(lb.counters().to_deregistered > 0);
}

#[test]
fn new_connections_avoid_a_target_after_the_deregistration_lag() {
    let (lb, _a, b) = two(rules());
    lb.deregister(b.address);
    wait_until_answering(&lb, "a");
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
    let deadline = Instant::now() + TIMEOUT;
    while lb.counters().no_target == 0 {
        // The connection closes without a response once no target is left.
        let _ = Client::connect(&lb).ask();
        assert!(Instant::now() < deadline, "the target is never removed");
    }
    assert_eq!(client.ask(), Ok('a'));
    assert_eq!(lb.counters().reset, 0);
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
    let (lb, _a, b, mut client) = fall(Rules {
        unhealthy_lag: NEVER,
        ..rules()
    });
    assert_eq!(client.end(), Err(ErrorKind::ConnectionReset));
    assert_eq!(lb.health(b.address), Some(Health::Unhealthy));
    // As after a deregistration, the balancer's nodes notice it late.
    assert_eq!(answering(&lb), "ab");
}

#[test]
fn new_connections_avoid_an_unhealthy_target_after_the_lag() {
    let (lb, _a, _b, mut client) = fall(rules());
    assert_eq!(client.end(), Err(ErrorKind::ConnectionReset));
    wait_until_answering(&lb, "a");
}

#[test]
fn without_termination_connections_survive_the_draining_interval() {
    let (lb, _a, b, mut client) = fall(Rules {
        when_unhealthy: WhenUnhealthy::Drain(NEVER),
        ..rules()
    });
    assert!(lb.wait_for(b.address, Health::Unhealthy, TIMEOUT));
    assert_eq!(client.ask(), Ok('b'));
    assert_eq!(lb.counters().reset, 0);
}

#[test]
fn without_termination_connections_are_reset_after_the_draining_interval() {
    let interval = SCALE.seconds(100);
    let falling = Instant::now();
    let (_lb, _a, _b, mut client) = fall(Rules {
        when_unhealthy: WhenUnhealthy::Drain(interval),
        ..rules()
    });
    assert_eq!(client.end(), Err(ErrorKind::ConnectionReset));
    assert!(falling.elapsed() >= interval);
}

#[test]
fn a_deregistered_target_can_still_become_unhealthy() {
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
    assert!(lb.wait_for(a.address, Health::Unhealthy, TIMEOUT));
    std::thread::sleep(rules().unhealthy_lag);
    assert_eq!((client.ask(), answering(&lb).as_str()), (Ok('a'), "a"));
    assert_eq!(lb.counters().reset, 0);
    assert!(lb.counters().to_unhealthy >= 64);
}

#[test]
fn a_refused_connection_is_reset_and_not_tried_elsewhere() {
    let (lb, a, _b) = two(unnoticed(rules()));
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
}

#[test]
fn a_target_that_refuses_its_checks_becomes_unhealthy() {
    let (lb, a, _b) = two(rules());
    a.close();
    assert!(lb.wait_for(a.address, Health::Unhealthy, TIMEOUT));
    let deadline = Instant::now() + TIMEOUT;
    // A refused connection restarts the count of those that the other target answered.
    let mut answered = 0;
    while answered < 64 {
        answered = match Client::connect(&lb).ask() {
            Ok(_) => answered + 1,
            Err(_) => 0,
        };
        assert!(Instant::now() < deadline, "connections are still refused");
    }
}

#[test]
fn an_idle_connection_is_cut() {
    let idle_timeout = Duration::from_secs(2);
    let (lb, _a) = one(Rules {
        idle_timeout,
        ..rules()
    });
    let mut client = Client::connect(&lb);
    let connected = Instant::now();
    // Longer in total than the idle timeout, with pauses that are far shorter.
    while connected.elapsed() < idle_timeout + idle_timeout / 4 {
        client.ask().unwrap();
        std::thread::sleep(idle_timeout / 20);
    }
    assert_eq!(client.end(), Err(ErrorKind::ConnectionReset));
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
    let (lb, a, _b) = two(unnoticed(alb()));
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
fn an_alb_does_not_forward_a_targets_connection_close() {
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
    assert!(lb.wait_for(target, Health::Healthy, TIMEOUT));
    let mut client = Client::connect(&lb);
    assert!((0..10).all(|_| client.ask() == Ok('a')));
    assert_eq!(
        (accepted.load(Ordering::SeqCst), lb.counters().bad_gateway),
        (10, 0)
    );
}
