//! A worker's thread: one single-threaded runtime, driven by messages.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use super::accept::Acceptor;
use super::connection::Server;
use super::message::Message;
use crate::edge::linger::LINGER_AT_STOP;
use crate::service::Worker;
use crate::shared::Shared;

/// Starts worker `index`. The worker with the listener accepts. `started` gets the outcome; if it is
/// dropped instead, the reason is in the log.
pub(super) fn start(
    index: usize,
    shared: Arc<Shared>,
    messages: UnboundedReceiver<Message>,
    listener: Option<TcpListener>,
    workers: Vec<UnboundedSender<Message>>,
    started: oneshot::Sender<io::Result<()>>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            match runtime {
                Ok(runtime) => {
                    let all = LocalSet::new();
                    let work = work(index, shared, messages, listener, workers, started);
                    if let Err(error) = all.block_on(&runtime, work) {
                        tracing::error!(index, %error, "worker failed");
                    }
                }
                Err(error) => drop(started.send(Err(error))),
            }
        })
}

async fn work(
    index: usize,
    shared: Arc<Shared>,
    mut messages: UnboundedReceiver<Message>,
    listener: Option<TcpListener>,
    workers: Vec<UnboundedSender<Message>>,
    started: oneshot::Sender<io::Result<()>>,
) -> io::Result<()> {
    let worker = Rc::new(Worker::new(shared, index));
    let Some(server) = Server::new(Rc::clone(&worker), index).await.map(Rc::new) else {
        return Err(io::Error::other("HTTP cannot be set up"));
    };
    let (close, closing) = oneshot::channel();
    let mut close = Some(close);
    let mut accepting = match listener {
        Some(listener) => {
            let listener = watched(listener)?;
            let acceptor = Acceptor { listener, workers };
            Some(tokio::task::spawn_local(
                acceptor.run(Rc::clone(&server), closing),
            ))
        }
        None => None,
    };
    let watch = Rc::clone(&server.watch);
    let watching =
        tokio::task::spawn_local(async move { watch.run(|interval| worker.turn(interval)).await });
    drop(started.send(Ok(())));
    while let Some(message) = messages.recv().await {
        match message {
            Message::Connection(accepted) => server.spawn(accepted),
            Message::MakeRoom => server.watch.make_room(),
            Message::CloseListener(done) => {
                if let Some(close) = close.take() {
                    let _ = close.send(());
                }
                if let Some(accepting) = accepting.take() {
                    drop(accepting.await);
                }
                let _ = done.send(());
            }
            Message::CloseIdle => server.watch.close_idle(),
            Message::Cut(reply) => {
                let _ = reply.send(server.watch.cut());
            }
            Message::Stop => break,
        }
    }
    let quiet = async {
        while server.watch.lingering() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    drop(tokio::time::timeout(LINGER_AT_STOP, quiet).await);
    watching.abort();
    Ok(())
}

/// Registers the listener with the runtime. Tokio's own type would register each accepted socket, too.
#[expect(
    deprecated,
    reason = "its replacement is unsafe because a type could misreport its descriptor; std's does not"
)]
fn watched(listener: TcpListener) -> io::Result<AsyncFd<TcpListener>> {
    AsyncFd::with_interest(listener, Interest::READABLE)
}
