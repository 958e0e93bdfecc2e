//! The load balancer between real sockets. Needs `unshare` and `ip`, and a user who may create network namespaces:
//! root, or where the kernel permits user namespaces, anyone.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nodectl::balancer::{Balancer, Notice, Pool, Port, Settings, Stats, connections_for};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A pod that reads its client's data to the end, and answers with its name.
async fn pod(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut sent = Vec::new();
                if stream.read_to_end(&mut sent).await.is_ok() {
                    let _ = stream.write_all(name.as_bytes()).await;
                }
            });
        }
    });
    address
}

/// An address that refuses connections.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
}

/// More connections than a test opens.
const MANY: usize = 1000;

/// A load balancer in front of a pool.
struct World {
    balancer: Balancer,
    address: SocketAddr,
    notices: UnboundedReceiver<Notice>,
}

impl World {
    fn new(pool: &Arc<Pool>, max_connections: usize) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pool = Arc::clone(pool);
        let (notify, notices) = unbounded_channel();
        let settings = Settings {
            threads: 2,
            max_connections,
            on_notice: Box::new(move |notice| drop(notify.send(notice))),
        };
        let port = Port {
            service: "web".into(),
            listener,
            pool,
        };
        let balancer = Balancer::start(vec![port], settings).unwrap();
        Self {
            balancer,
            address,
            notices,
        }
    }

    fn stats(&self) -> Arc<Stats> {
        self.balancer.stats()
    }
}

/// Against a hang, far above what a busy machine needs.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Sends, closes its side, and reads the answer.
async fn ask(address: SocketAddr) -> std::io::Result<String> {
    question(&mut TcpStream::connect(address).await?).await
}

#[tokio::test]
async fn a_client_does_not_notice_a_pod_that_refuses() {
    let pool = Arc::new(Pool::default());
    let (dead, alive) = (nobody().await, pod("alive").await);
    pool.set(&[("dead".to_owned(), dead), ("alive".to_owned(), alive)]);
    let world = World::new(&pool, MANY);
    let stats = world.stats();
    for _ in 0..50 {
        assert_eq!(ask(world.address).await.unwrap(), "alive");
    }
    assert_eq!(stats.forwarded.load(Ordering::Relaxed), 50);
    assert!(stats.retried.load(Ordering::Relaxed) >= 10);
}

#[tokio::test]
async fn a_connection_waits_for_a_pod_that_does_not_exist_yet() {
    let pool = Arc::new(Pool::default());
    let world = World::new(&pool, MANY);
    let asked = tokio::spawn(ask(world.address));
    tokio::time::sleep(Duration::from_millis(200)).await;
    pool.set(&[("late".to_owned(), pod("late").await)]);
    assert_eq!(asked.await.unwrap().unwrap(), "late");
}

#[tokio::test]
async fn a_reset_is_passed_on() {
    let pool = Arc::new(Pool::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    pool.set(&[("rude".to_owned(), listener.local_addr().unwrap())]);
    let world = World::new(&pool, MANY);
    let mut client = TcpStream::connect(world.address).await.unwrap();
    let (mut rude, _) = listener.accept().await.unwrap();
    // Once something has passed, there is no other pod to try.
    client.write_all(b"x").await.unwrap();
    rude.read_exact(&mut [0; 1]).await.unwrap();
    rude.set_zero_linger().unwrap();
    drop(rude);
    let error = client.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// The listener of a pod that a test controls.
async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A pool in which `first` is tried first.
fn pool_of(first: SocketAddr, other: SocketAddr) -> Arc<Pool> {
    let pool = Arc::new(Pool::default());
    pool.set(&[("first".to_owned(), first), ("other".to_owned(), other)]);
    pool
}

/// Sends a question now, and returns the answer.
async fn question(client: &mut TcpStream) -> std::io::Result<String> {
    client.write_all(b"question").await?;
    client.shutdown().await?;
    let mut answer = String::new();
    let read = client.read_to_string(&mut answer);
    tokio::time::timeout(TIMEOUT, read).await??;
    Ok(answer)
}

#[tokio::test]
async fn a_connection_that_a_pod_resets_unused_goes_to_the_next() {
    let (first, address) = listener().await;
    let world = World::new(&pool_of(address, pod("other").await), MANY);
    let mut client = TcpStream::connect(world.address).await.unwrap();
    let (unused, _) = first.accept().await.unwrap();
    // As a kernel does whose process exits before it has accepted the connection.
    unused.set_zero_linger().unwrap();
    drop(unused);
    assert_eq!(question(&mut client).await.unwrap(), "other");
    assert_eq!(world.stats().retried.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_that_a_stopping_pod_closes_unused_goes_to_the_next() {
    let (first, address) = listener().await;
    let other = pod("other").await;
    let pool = pool_of(address, other);
    let world = World::new(&pool, MANY);
    let mut client = TcpStream::connect(world.address).await.unwrap();
    let (unused, _) = first.accept().await.unwrap();
    pool.set(&[("other".to_owned(), other)]);
    drop(unused);
    assert_eq!(question(&mut client).await.unwrap(), "other");
}

#[tokio::test]
async fn a_ready_pod_may_close_a_silent_connection() {
    let (first, address) = listener().await;
    let world = World::new(&pool_of(address, pod("other").await), MANY);
    let mut client = TcpStream::connect(world.address).await.unwrap();
    let (idle, _) = first.accept().await.unwrap();
    drop(idle);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(world.stats().retried.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_client_is_refused_if_every_pod_resets_it() {
    let (only, address) = listener().await;
    let pool = Arc::new(Pool::default());
    pool.set(&[("only".to_owned(), address)]);
    let world = World::new(&pool, MANY);
    let resets = tokio::spawn(async move {
        while let Ok((stream, _)) = only.accept().await {
            stream.set_zero_linger().unwrap();
        }
    });
    let mut client = TcpStream::connect(world.address).await.unwrap();
    let mut byte = [0];
    let read = tokio::time::timeout(TIMEOUT, client.read(&mut byte));
    let error = read.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(world.stats().refused.load(Ordering::Relaxed), 1);
    resets.abort();
}

#[tokio::test]
async fn everything_that_a_client_sends_while_it_waits_for_a_pod_arrives() {
    // More than is read at once.
    const BYTES: usize = 300_000;
    let pool = Arc::new(Pool::default());
    let world = World::new(&pool, MANY);
    let (echo, address) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = echo.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let mut client = TcpStream::connect(world.address).await.unwrap();
    client.write_all(&vec![b'x'; BYTES]).await.unwrap();
    // Time for the balancer to read a part and wait for a pod.
    tokio::time::sleep(Duration::from_millis(300)).await;
    pool.set(&[("echo".to_owned(), address)]);
    let mut echoed = vec![0; BYTES];
    let read = client.read_exact(&mut echoed);
    tokio::time::timeout(TIMEOUT, read).await.unwrap().unwrap();
}

#[tokio::test]
async fn stopping_refuses_new_connections_and_finishes_open_ones() {
    let pool = Arc::new(Pool::default());
    pool.set(&[("alive".to_owned(), pod("alive").await)]);
    let world = World::new(&pool, MANY);
    let mut old = TcpStream::connect(world.address).await.unwrap();
    old.write_all(b"half a ").await.unwrap();
    let stats = world.stats();
    while stats.forwarded.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.balancer.stop_listening();
    assert!(TcpStream::connect(world.address).await.is_err());
    old.write_all(b"question").await.unwrap();
    old.shutdown().await.unwrap();
    let mut answer = String::new();
    old.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "alive");
}

#[tokio::test]
async fn dropping_the_balancer_closes_open_connections() {
    let pool = Arc::new(Pool::default());
    pool.set(&[("a".to_owned(), pod("a").await)]);
    let world = World::new(&pool, MANY);
    let mut client = TcpStream::connect(world.address).await.unwrap();
    client.write_all(b"x").await.unwrap();
    drop(world.balancer);
    assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn at_the_limit_a_client_waits_until_another_leaves() {
    let pool = Arc::new(Pool::default());
    pool.set(&[("a".to_owned(), pod("a").await)]);
    let mut world = World::new(&pool, 1);
    let mut busy = TcpStream::connect(world.address).await.unwrap();
    let (leave, mut left) = tokio::sync::oneshot::channel::<()>();
    let busy = tokio::spawn(async move {
        // Never idle for long enough to be closed for others.
        while left.try_recv().is_err() {
            busy.write_all(b"x").await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let waiting = tokio::spawn(ask(world.address));
    let notice = world.notices.recv().await.unwrap();
    assert!(
        matches!(
            notice,
            Notice::Full {
                limit: 1,
                evicted: 0
            }
        ),
        "{notice}"
    );
    leave.send(()).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap(), "a");
    busy.await.unwrap();
}

#[tokio::test]
async fn at_the_limit_the_longest_idle_connections_make_room() {
    let pool = Arc::new(Pool::default());
    pool.set(&[("a".to_owned(), pod("a").await)]);
    let mut world = World::new(&pool, 3);
    let mut clients = Vec::new();
    for count in 1..=3 {
        clients.push(TcpStream::connect(world.address).await.unwrap());
        while world.stats().forwarded.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The order is known in milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The first one is the oldest, but not the longest idle.
    clients[0].write_all(b"x").await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(ask(world.address).await.unwrap(), "a");
    assert_eq!(world.stats().evicted.load(Ordering::Relaxed), 1);
    let notice = world.notices.recv().await.unwrap();
    assert!(matches!(notice, Notice::Full { limit: 3, .. }), "{notice}");
    assert_eq!(
        clients[1].read(&mut [0]).await.unwrap(),
        0,
        "closed in order"
    );
    for kept in [0, 2] {
        clients[kept].shutdown().await.unwrap();
        let mut answer = String::new();
        clients[kept].read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "a", "{kept}");
    }
}

#[tokio::test]
async fn every_byte_arrives_if_one_side_is_slow() {
    const BYTES: usize = 8 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pool = Arc::new(Pool::default());
    pool.set(&[("echo".to_owned(), listener.local_addr().unwrap())]);
    let world = World::new(&pool, MANY);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let sent: Vec<u8> = (0..251).cycle().take(BYTES).collect();
    let client = TcpStream::connect(world.address).await.unwrap();
    let (mut read, mut write) = client.into_split();
    let bytes = sent.clone();
    let writer = tokio::spawn(async move {
        write.write_all(&bytes).await.unwrap();
        write.shutdown().await.unwrap();
    });
    // All buffers on the way fill up meanwhile.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut received = Vec::new();
    read.read_to_end(&mut received).await.unwrap();
    writer.await.unwrap();
    assert!(received == sent, "{} of {BYTES} bytes", received.len());
}

#[tokio::test]
async fn a_vanished_client_is_detected_by_keepalive() {
    let pool = Arc::new(Pool::default());
    pool.set(&[("a".to_owned(), pod("a").await)]);
    let world = World::new(&pool, MANY);
    let client = TcpStream::connect(world.address).await.unwrap();
    while world.stats().forwarded.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The balancer's end of the connection, and the timer that it has (proc_net_tcp).
    let of = |address: SocketAddr| format!("0100007F:{:04X}", address.port());
    let ends = [of(world.address), of(client.local_addr().unwrap())].join(" ");
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let socket = sockets.lines().find(|line| line.contains(&ends)).unwrap();
    let timer = socket.split_whitespace().nth(5).unwrap();
    let (kind, when) = timer.split_once(':').unwrap();
    let seconds = u64::from_str_radix(when, 16).unwrap() / 100;
    assert_eq!(kind, "02", "the timer of keepalive: {socket}");
    assert!(seconds <= 60, "{socket}");
}

/// Asks from a port of the test's choice, since the kernel has none left to choose from.
async fn ask_from(port: u16, address: SocketAddr) -> std::io::Result<String> {
    question(&mut from(port).connect(address).await?).await
}

fn from(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(SocketAddr::from(([127, 0, 0, 1], port)))
        .unwrap();
    socket
}

#[tokio::test]
#[ignore = "needs a network namespace of its own, in which the test below runs it"]
async fn in_a_network_with_two_local_ports() {
    let links = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let links = links.lines().filter(|line| line.contains(':'));
    assert_eq!(links.count(), 1, "this is the machine's network");
    let up = std::process::Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    assert!(up.unwrap().success());
    let (a, b, gone) = (pod("a").await, pod("b").await, nobody().await);
    let pool = Arc::new(Pool::default());
    pool.set(&[("a".to_owned(), a)]);
    let mut world = World::new(&pool, MANY);
    let set = |name: &str, value: &str| {
        std::fs::write(format!("/proc/sys/net/ipv4/{name}"), value).unwrap();
    };
    set("ip_local_port_range", "40000 40001");
    // By default, ports in TIME_WAIT are used again on loopback, and not to pods.
    set("tcp_tw_reuse", "0");
    // Each client closes first, so that the balancer's port to the pod remains in use.
    for port in [50_000, 50_001] {
        assert_eq!(ask_from(port, world.address).await.unwrap(), "a");
    }
    // A client that waits for the pod to speak first is refused too, once the other pod has refused it.
    pool.set(&[("a".to_owned(), a), ("gone".to_owned(), gone)]);
    let silent = async {
        let mut stream = from(50_006).connect(world.address).await?;
        stream.read(&mut [0]).await
    };
    let error = silent.await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let notice = world.notices.recv().await.unwrap();
    assert!(
        matches!(notice, Notice::OutOfPorts { address } if address == a),
        "{notice}"
    );
    pool.set(&[("a".to_owned(), a), ("b".to_owned(), b)]);
    for port in [50_002, 50_003] {
        assert_eq!(ask_from(port, world.address).await.unwrap(), "b");
    }
    for port in [50_004, 50_005] {
        let error = ask_from(port, world.address).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    assert_eq!(world.stats().refused.load(Ordering::Relaxed), 3);
    assert!(world.notices.try_recv().is_err(), "throttled");
}

#[test]
fn a_pod_without_a_free_local_port_is_passed_over_and_reported_if_all_are() {
    let run = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--net"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "in_a_network_with_two_local_ports"])
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{output}{errors}");
    assert!(output.contains("1 passed"), "{output}");
}

#[test]
fn a_limit_of_open_files_leaves_some_for_the_rest_of_the_process() {
    for (open_files, connections) in [
        (0, 1),
        (400, 100),
        (1024, 256),
        (20_000, 9500),
        (1 << 20, 16_384),
        (u64::MAX, 16_384),
    ] {
        assert_eq!(connections_for(open_files), connections, "{open_files}");
    }
    assert_eq!(connections_for(nodectl::balancer::OPEN_FILES), 16_384);
}
