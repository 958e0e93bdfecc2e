//! One connection from a client to a target.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::proxy;
use super::table::{Choice, Table, lock};

/// How long a target may take to accept, before the client sees a reset.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a client may take for its TLS handshake: AWS's 10 s.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// The size of a copy; the tests' requests and responses fit.
const BUFFER_BYTES: usize = 2048;

/// Why a flow was closed.
enum End {
    /// Both sides closed.
    Closed,
    /// One side reset it.
    Broken,
    /// The balancer reset it.
    Reset,
    /// It was idle for too long.
    Idle,
}

/// When bytes last moved.
struct Activity {
    began: Instant,
    nanos: AtomicU64,
}

impl Activity {
    fn begin() -> Self {
        Self {
            began: Instant::now(),
            nanos: AtomicU64::new(0),
        }
    }

    fn note(&self) {
        let nanos = self.began.elapsed().as_nanos();
        self.nanos
            .store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn idle_for(&self) -> Duration {
        self.began
            .elapsed()
            .saturating_sub(Duration::from_nanos(self.nanos.load(Ordering::Relaxed)))
    }
}

/// A client's connection, with TLS terminated or without it.
pub(super) trait Client: AsyncRead + AsyncWrite + Unpin {
    /// The socket below.
    fn socket(&self) -> &TcpStream;
}

impl Client for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Client for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Carries a connection until it is closed, and terminates TLS if there is an acceptor.
pub(super) async fn carry(table: &Mutex<Table>, client: TcpStream, tls: Option<TlsAcceptor>) {
    let Some(tls) = tls else {
        return carry_plain(table, client).await;
    };
    if let Ok(Ok(client)) = timeout(HANDSHAKE_TIMEOUT, tls.accept(client)).await {
        carry_plain(table, client).await;
    }
}

async fn carry_plain(table: &Mutex<Table>, mut client: impl Client) {
    let (choice, idle_timeout, proxy_protocol) = {
        let mut table = lock(table);
        let choice = table.choose(Instant::now());
        (choice, table.rules.idle_timeout, table.rules.proxy_protocol)
    };
    let Some(mut choice) = choice else {
        reset(client.socket());
        return;
    };
    let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(choice.address)).await;
    let Ok(Ok(mut target)) = connected else {
        lock(table).counters.refused += 1;
        reset(client.socket());
        return;
    };
    if proxy_protocol && send_header(client.socket(), &mut target).await.is_err() {
        reset(client.socket());
        return;
    }
    let end = relay(&mut client, &mut target, &mut choice, idle_timeout).await;
    let mut table = lock(table);
    match end {
        End::Closed => return,
        End::Broken => table.counters.reset_through += 1,
        End::Reset => table.counters.reset += 1,
        End::Idle => table.counters.idle += 1,
    }
    reset(client.socket());
    reset(&target);
}

async fn send_header(client: &TcpStream, target: &mut TcpStream) -> io::Result<()> {
    let header = proxy::header(client.peer_addr()?, client.local_addr()?);
    target.write_all(&header).await
}

async fn relay(
    client: &mut impl Client,
    target: &mut TcpStream,
    choice: &mut Choice,
    idle_timeout: Duration,
) -> End {
    // A balancer forwards segments as they come.
    if client
        .socket()
        .set_nodelay(true)
        .and_then(|()| target.set_nodelay(true))
        .is_err()
    {
        return End::Broken;
    }
    let activity = Activity::begin();
    let (client_reads, client_writes) = tokio::io::split(client);
    let (target_reads, target_writes) = target.split();
    let both = async {
        tokio::try_join!(
            one_way(client_reads, target_writes, &activity),
            one_way(target_reads, client_writes, &activity),
        )
    };
    tokio::select! {
        done = both => if done.is_ok() { End::Closed } else { End::Broken },
        () = reset_requested(choice) => End::Reset,
        () = idle(&activity, idle_timeout) => End::Idle,
    }
}

/// Copies bytes until end of file, and closes the other side's direction as well.
async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    activity: &Activity,
) -> io::Result<()> {
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        to.flush().await?;
        activity.note();
    }
}

/// Returns when the balancer resets the flow. Flows of a removed target continue.
async fn reset_requested(choice: &mut Choice) {
    if choice.resets.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns when no bytes have moved for `limit`.
async fn idle(activity: &Activity, limit: Duration) {
    loop {
        let rested = activity.idle_for();
        if rested >= limit {
            return;
        }
        sleep(limit.saturating_sub(rested)).await;
    }
}

/// Makes closing this socket send a reset (RFC 9293 section 3.5.2). Errors are ignored: the peer may
/// have closed the connection already.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
