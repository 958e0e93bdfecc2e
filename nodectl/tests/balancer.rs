//! The load balancer between real sockets.
#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nodectl::balancer::{Forwarder, Pool, Stats};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A pod that reads to the end of what it is sent and answers with its name.
async fn pod(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut sent = Vec::new();
            if stream.read_to_end(&mut sent).await.is_ok() {
                let _ = stream.write_all(name.as_bytes()).await;
            }
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

async fn forwarder(pool: &Arc<Pool>) -> (SocketAddr, Arc<Stats>, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let forwarder = Forwarder::new(listener, Arc::clone(pool));
    let stats = forwarder.stats();
    tokio::spawn(forwarder.run(stopped));
    (address, stats, stop)
}

/// Sends, ends its side, and reads the answer.
async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"question").await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_pod_that_refuses_is_unseen_by_the_client() {
    let pool = Arc::new(Pool::default());
    let (dead, alive) = (nobody().await, pod("alive").await);
    pool.set(&[("dead".to_owned(), dead), ("alive".to_owned(), alive)]);
    let (address, stats, _stop) = forwarder(&pool).await;
    for _ in 0..50 {
        assert_eq!(ask(address).await.unwrap(), "alive");
    }
    assert_eq!(stats.forwarded.load(Ordering::Relaxed), 50);
    assert!(stats.retried.load(Ordering::Relaxed) >= 10);
}

#[tokio::test]
async fn a_connection_waits_for_a_pod_that_is_not_there_yet() {
    let pool = Arc::new(Pool::default());
    let (address, _, _stop) = forwarder(&pool).await;
    let asked = tokio::spawn(ask(address));
    tokio::time::sleep(Duration::from_millis(200)).await;
    pool.set(&[("late".to_owned(), pod("late").await)]);
    assert_eq!(asked.await.unwrap().unwrap(), "late");
}

#[tokio::test]
async fn a_reset_is_passed_on() {
    let pool = Arc::new(Pool::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    pool.set(&[("rude".to_owned(), listener.local_addr().unwrap())]);
    let (address, _, _stop) = forwarder(&pool).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let (mut rude, _) = listener.accept().await.unwrap();
    // Once something has passed, there is no other pod to try.
    client.write_all(b"x").await.unwrap();
    rude.read_exact(&mut [0; 1]).await.unwrap();
    rude.set_zero_linger().unwrap();
    drop(rude);
    let error = client.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn stopping_refuses_the_new_and_finishes_the_old() {
    let pool = Arc::new(Pool::default());
    pool.set(&[("alive".to_owned(), pod("alive").await)]);
    let (address, _, stop) = forwarder(&pool).await;
    let mut old = TcpStream::connect(address).await.unwrap();
    old.write_all(b"half a ").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.send_replace(true);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(address).await.is_err());
    old.write_all(b"question").await.unwrap();
    old.shutdown().await.unwrap();
    let mut answer = String::new();
    old.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "alive");
}

#[tokio::test]
async fn a_full_balancer_reports_it_and_takes_the_next_client_when_one_leaves() {
    let pool = Arc::new(Pool::default());
    pool.set(&[("a".to_owned(), pod("a").await)]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (full, mut reported) = tokio::sync::mpsc::unbounded_channel();
    let places = Arc::new(tokio::sync::Semaphore::new(1));
    let forwarder = Forwarder::new(listener, pool).limit(places, move || full.send(()).unwrap());
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(forwarder.run(stopped));
    let idle = TcpStream::connect(address).await.unwrap();
    reported.recv().await.unwrap();
    let waiting = tokio::spawn(ask(address));
    drop(idle);
    assert_eq!(waiting.await.unwrap().unwrap(), "a");
}
