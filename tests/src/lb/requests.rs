//! Layer 7: a target is chosen for each request, over connections that are kept alive.

use std::io;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::flow::HANDSHAKE_TIMEOUT;
use super::table::{Choice, Table, lock};
use super::target::Idle;
use loadgen::response::{self, Parsed};

/// The largest request head; requests have no body here.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long a target may take to accept: AWS's 10 s are not needed on one machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The response when the target closed or refused the connection, or no target exists.
const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";

/// The origin of a request, for the `X-Forwarded` headers.
#[derive(Clone, Copy)]
struct Origin {
    address: IpAddr,
    scheme: &'static str,
}

/// Serves a client's connection until it is closed, with TLS terminated or without it.
pub(super) async fn serve(table: &Mutex<Table>, client: TcpStream, tls: Option<TlsAcceptor>) {
    let Ok(peer) = client.peer_addr() else {
        return;
    };
    if client.set_nodelay(true).is_err() {
        return;
    }
    let origin = |scheme| Origin {
        address: peer.ip(),
        scheme,
    };
    match tls {
        None => answer(table, client, origin("http")).await,
        Some(acceptor) => {
            let handshake = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(client)).await;
            if let Ok(Ok(client)) = handshake {
                answer(table, client, origin("https")).await;
            }
        }
    }
}

async fn answer<C>(table: &Mutex<Table>, mut client: C, origin: Origin)
where
    C: AsyncRead + AsyncWrite + Unpin,
{
    let idle_timeout = lock(table).rules.idle_timeout;
    let mut received = Vec::new();
    while let Ok(Ok(Some(head))) =
        timeout(idle_timeout, read_head(&mut client, &mut received)).await
    {
        let answer = forward(table, &head, origin).await.unwrap_or_else(|_| {
            lock(table).counters.bad_gateway += 1;
            BAD_GATEWAY.to_vec()
        });
        let last = has_line(&head, b"connection: close");
        if client.write_all(&answer).await.is_err() || last {
            break;
        }
    }
    // With TLS, a client takes an end without close_notify for a truncation.
    let _ = client.shutdown().await;
}

/// Reads a request's head, from what was received before or from the client; `None` at its end.
async fn read_head<C>(client: &mut C, received: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>>
where
    C: AsyncRead + Unpin,
{
    loop {
        if let Some(at) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = received.split_off(at + 4);
            return Ok(Some(std::mem::replace(received, rest)));
        }
        if received.len() > MAX_HEAD_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if client.read_buf(received).await? == 0 {
            return Ok(None);
        }
    }
}

/// Sends a request to a target and returns its response. As an ALB, it does not retry.
async fn forward(table: &Mutex<Table>, head: &[u8], origin: Origin) -> io::Result<Vec<u8>> {
    let choice = lock(table)
        .choose(Instant::now())
        .ok_or(io::ErrorKind::HostUnreachable)?;
    let mut target = match take_idle(table, choice.id) {
        Some(stream) => stream,
        None => connect(table, &choice).await?,
    };
    let mut request = without_line(head, b"connection: close");
    request.truncate(request.len() - b"\r\n".len());
    let Origin { address, scheme } = origin;
    let forwarded = format!("X-Forwarded-For: {address}\r\nX-Forwarded-Proto: {scheme}\r\n\r\n");
    request.extend(forwarded.as_bytes());
    target.write_all(&request).await?;
    let (answer, close) = read_answer(&mut target).await?;
    if !close {
        let since = Instant::now();
        if let Some(known) = lock(table).get_mut(choice.id) {
            known.idle.push(Idle {
                stream: target,
                since,
            });
        }
    }
    Ok(answer)
}

async fn connect(table: &Mutex<Table>, choice: &Choice) -> io::Result<TcpStream> {
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(choice.address)).await;
    let stream = connected
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .inspect_err(|_| {
            lock(table).counters.refused += 1;
        })?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An idle connection that the target has not closed, and that has not been idle for too long.
fn take_idle(table: &Mutex<Table>, id: u64) -> Option<TcpStream> {
    let mut table = lock(table);
    let idle_timeout = table.rules.idle_timeout;
    let idle = &mut table.get_mut(id)?.idle;
    while let Some(Idle { stream, since }) = idle.pop() {
        let open = stream
            .try_read(&mut [0])
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        if open && since.elapsed() < idle_timeout {
            return Some(stream);
        }
    }
    None
}

/// Reads a complete answer, without its `Connection: close`, which is returned separately.
async fn read_answer(target: &mut TcpStream) -> io::Result<(Vec<u8>, bool)> {
    let mut answer = Vec::with_capacity(512);
    loop {
        if target.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match response::parse(&answer) {
            Parsed::Incomplete => {}
            Parsed::Malformed(_) => return Err(io::ErrorKind::InvalidData.into()),
            Parsed::Complete(head) if head.close => {
                let body = answer.split_off(head.body);
                answer = without_line(&answer, b"connection: close");
                answer.extend(body);
                return Ok((answer, true));
            }
            Parsed::Complete(_) => return Ok((answer, false)),
        }
    }
}

/// The head has this line, in any case.
fn has_line(head: &[u8], wanted: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n')
        .any(|line| is_line(line, wanted))
}

/// The head without this line.
fn without_line(head: &[u8], unwanted: &[u8]) -> Vec<u8> {
    let lines = head.split_inclusive(|&byte| byte == b'\n');
    lines
        .filter(|line| !is_line(line, unwanted))
        .flatten()
        .copied()
        .collect()
}

fn is_line(line: &[u8], wanted: &[u8]) -> bool {
    line.trim_ascii().eq_ignore_ascii_case(wanted)
}
