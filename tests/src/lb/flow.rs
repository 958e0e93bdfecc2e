//! One connection from a client to a target.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::sleep;

use super::check::lock;
use super::table::{Choice, Table};

/// How long a target may take to accept, before the client sees a reset.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// What is moved at a time; the tests' requests and answers fit.
const BUFFER_BYTES: usize = 2048;

/// How a flow ended.
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

    fn rested(&self) -> Duration {
        self.began
            .elapsed()
            .saturating_sub(Duration::from_nanos(self.nanos.load(Ordering::Relaxed)))
    }
}

/// Carries a connection until its end.
pub(super) async fn carry(table: &Mutex<Table>, mut client: TcpStream) {
    let (choice, idle_timeout) = {
        let mut table = lock(table);
        (table.choose(Instant::now()), table.rules.idle_timeout)
    };
    let Some(mut choice) = choice else {
        reset(&client);
        return;
    };
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(choice.address)).await;
    let Ok(Ok(mut target)) = connected else {
        lock(table).counters.refused += 1;
        reset(&client);
        return;
    };
    let end = relay(&mut client, &mut target, &mut choice, idle_timeout).await;
    let mut table = lock(table);
    match end {
        End::Closed => return,
        End::Broken => table.counters.reset_through += 1,
        End::Reset => table.counters.reset += 1,
        End::Idle => table.counters.idle += 1,
    }
    reset(&client);
    reset(&target);
}

async fn relay(
    client: &mut TcpStream,
    target: &mut TcpStream,
    choice: &mut Choice,
    idle_timeout: Duration,
) -> End {
    // A balancer forwards segments as they come.
    if client
        .set_nodelay(true)
        .and_then(|()| target.set_nodelay(true))
        .is_err()
    {
        return End::Broken;
    }
    let activity = Activity::begin();
    let (client_reads, client_writes) = client.split();
    let (target_reads, target_writes) = target.split();
    let both = async {
        tokio::try_join!(
            one_way(client_reads, target_writes, &activity),
            one_way(target_reads, client_writes, &activity),
        )
    };
    tokio::select! {
        done = both => if done.is_ok() { End::Closed } else { End::Broken },
        () = told_to_reset(choice) => End::Reset,
        () = idle(&activity, idle_timeout) => End::Idle,
    }
}

/// Moves bytes until the reader's end, and passes that end on.
async fn one_way(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    activity: &Activity,
) -> io::Result<()> {
    let mut buffer = [0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        activity.note();
    }
}

/// Returns when the balancer resets the flow. A target that is forgotten leaves its flows alone.
async fn told_to_reset(choice: &mut Choice) {
    if choice.resets.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns when nothing has moved for `limit`.
async fn idle(activity: &Activity, limit: Duration) {
    loop {
        let rested = activity.rested();
        if rested >= limit {
            return;
        }
        sleep(limit.saturating_sub(rested)).await;
    }
}

/// Makes closing this socket a reset, as RFC 9293 section 3.5 has it. It is about to be dropped,
/// and one that is gone already cannot be reset.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
