//! Tests of the socket under actix-http, on loopback.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead as _, AsyncReadExt, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::EdgeStream;
use crate::close_reason::CloseReason;
use crate::edge::conn::Conn;
use crate::edge::memory::{Budget, LARGE_BUFFER_BYTES, SMALL_BUFFER_BYTES};
use crate::edge::socket::Socket;
use crate::edge::watch::Watch;
use crate::edge::window;
use crate::metrics::counters::Counters;
use crate::settings::Timeouts;

const SECOND: Duration = Duration::from_secs(1);

/// A client and the stream that it is connected to. Its first head is overdue.
async fn late() -> (TcpStream, EdgeStream) {
    connect(vec![Arc::default()], u64::MAX).await
}

/// The same on the first of these workers, with this memory budget.
async fn connect(workers: Vec<Arc<Counters>>, budget: u64) -> (TcpStream, EdgeStream) {
    let timeouts = Timeouts {
        first_head: SECOND,
        next_head: SECOND,
        body: SECOND,
        answer: SECOND,
        keep_alive: SECOND,
        min_rate: 1,
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    let (socket, peer) = listener.accept().await.unwrap();
    let counters = Arc::clone(&workers[0]);
    let budget = Budget::new(budget, workers);
    let watch = Rc::new(Watch::new(timeouts, counters, Arc::new(budget)));
    let clock = Rc::new(Cell::new(0));
    let conn = Rc::new(Conn::new(peer, Rc::clone(&clock), 1));
    let stream = EdgeStream::new(Socket::Watched(socket), conn, Rc::clone(&watch));
    clock.set(5000);
    (client, stream)
}

async fn readable(stream: &EdgeStream) {
    let Socket::Watched(socket) = &stream.socket else {
        panic!("the socket is not watched");
    };
    socket.readable().await.unwrap();
}

/// A closed stream lingers in a task of its own.
async fn test(body: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(body).await;
}

#[tokio::test]
async fn what_has_arrived_is_read_before_an_overdue_connection_is_closed() {
    test(async {
        let (mut client, mut stream) = late().await;
        client.write_all(b"GET ").await.unwrap();
        stream.conn.suspect();
        readable(&stream).await;
        let mut buffer = [0; 100];
        assert_eq!(
            AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap(),
            4
        );
        assert_eq!(stream.conn.close_reason(), None);
        // It was not a whole head, and nothing more has arrived.
        assert!(AsyncReadExt::read(&mut stream, &mut buffer).await.is_err());
        assert_eq!(stream.conn.close_reason(), Some(CloseReason::FirstHead));
    })
    .await;
}

/// Counts how often a task is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn only_requests_that_are_parsed_wait_until_the_budget_is_met() {
    let counters = Arc::<Counters>::default();
    let budget = 1 << 20;
    counters.held.add(budget);
    let (mut client, mut stream) = connect(vec![Arc::clone(&counters)], budget).await;
    let request = b"GET / HTTP/1.1\r\n\r\n";
    client.write_all(request).await.unwrap();
    readable(&stream).await;
    let woken = Arc::<Wakes>::default();
    let waker = Arc::clone(&woken).into();
    let poll = |stream: &mut EdgeStream| {
        let (mut bytes, mut context) = ([0; 100], Context::from_waker(&waker));
        let mut buffer = ReadBuf::new(&mut bytes);
        let polled = Pin::new(stream).poll_read(&mut context, &mut buffer);
        polled.is_ready().then(|| buffer.filled().to_vec())
    };
    assert_eq!(poll(&mut stream), Some(request.to_vec()));
    stream.put_back(request);
    assert_eq!(poll(&mut stream), None, "it would be parsed");
    stream.watch.resume();
    assert_eq!(woken.0.load(Ordering::SeqCst), 0, "nothing has changed");
    counters.held.subtract(budget);
    stream.watch.resume();
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(poll(&mut stream), Some(request.to_vec()));
}

#[tokio::test]
async fn a_worker_closes_no_connection_for_what_another_holds() {
    test(async {
        let workers: Vec<Arc<Counters>> = vec![Arc::default(), Arc::default()];
        let other = Arc::clone(&workers[1]);
        let (_client, stream) = connect(workers, 1 << 20).await;
        stream.watch.account(&stream.conn);
        other.held.add(2 << 20);
        // It held the most when it was notified.
        stream.watch.shed();
        assert_eq!(stream.conn.close_reason(), None);
        assert!(!stream.conn.is_overdue());
    })
    .await;
}

#[tokio::test]
async fn buffers_grow_for_a_large_body_alone() {
    let (mut client, mut stream) = late().await;
    let size = |stream: &EdgeStream| {
        let socket = stream.socket.descriptor().unwrap();
        SockRef::from(&socket).recv_buffer_size().unwrap()
    };
    let socket = stream.socket.descriptor().unwrap();
    SockRef::from(&socket)
        .set_recv_buffer_size(SMALL_BUFFER_BYTES)
        .unwrap();
    for (sent, expected) in [
        (100, SMALL_BUFFER_BYTES),
        (SMALL_BUFFER_BYTES, LARGE_BUFFER_BYTES),
    ] {
        client.write_all(b"POST / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut buffer = vec![0; 2 * SMALL_BUFFER_BYTES];
        AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap();
        let body = crate::edge::framing::Body::Length(sent as u64 + 1);
        stream.conn.on_request(body);
        stream.conn.on_body_wait();
        client.write_all(&vec![b'x'; sent]).await.unwrap();
        let mut left = sent;
        while left > 0 {
            left -= AsyncReadExt::read(&mut stream, &mut buffer[..left])
                .await
                .unwrap();
        }
        assert_eq!(size(&stream), 2 * expected);
        if expected == LARGE_BUFFER_BYTES {
            let socket = stream.socket.descriptor().unwrap();
            assert_eq!(window::tests::limit(socket), LARGE_BUFFER_BYTES);
        }
        client.write_all(b"x").await.unwrap();
        AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap();
        stream.conn.on_answer(false);
        stream.conn.on_flush();
    }
}

#[tokio::test]
async fn a_request_that_has_arrived_clears_an_overdue_connection() {
    let (mut client, mut stream) = late().await;
    let request = b"GET / HTTP/1.1\r\n\r\n";
    client.write_all(request).await.unwrap();
    stream.conn.suspect();
    readable(&stream).await;
    let mut buffer = [0; 100];
    assert_eq!(
        AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap(),
        request.len()
    );
    stream.conn.on_request(crate::edge::framing::Body::NONE);
    stream.conn.on_answer(false);
    stream.conn.on_flush();
    client.write_all(request).await.unwrap();
    assert_eq!(
        AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap(),
        request.len()
    );
    assert_eq!(stream.conn.close_reason(), None);
}

/// The answers to requests that a client sends at once, without reading, fill the send buffer: each takes far
/// more of it than its own bytes.
#[tokio::test]
async fn an_early_answer_arrives_behind_answers_that_fill_the_send_buffer() {
    test(async {
        let (mut client, mut stream) = late().await;
        let socket = stream.socket.descriptor().unwrap();
        SockRef::from(&socket)
            .set_send_buffer_size(SMALL_BUFFER_BYTES)
            .unwrap();
        client.write_all(b"GET ").await.unwrap();
        stream.conn.suspect();
        readable(&stream).await;
        let mut buffer = [0; 100];
        AsyncReadExt::read(&mut stream, &mut buffer).await.unwrap();
        let mut filled = 0;
        for _ in 0..10 {
            // The kernel moves some of it to the client's buffer in the background.
            tokio::time::sleep(Duration::from_millis(10)).await;
            while let Ok(count) = stream.socket.try_write(b"x") {
                filled += count;
            }
        }
        assert!(AsyncReadExt::read(&mut stream, &mut buffer).await.is_err());
        assert_eq!(stream.conn.close_reason(), Some(CloseReason::FirstHead));
        drop(stream);
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        let early = String::from_utf8_lossy(&answers[filled..]);
        assert!(early.starts_with("HTTP/1.1 408 "), "{early}");
        assert!(early.ends_with("}\n"), "{early}");
    })
    .await;
}
