//! One connection, from the accepted socket until it is closed.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::h1::{H1ServiceHandler, UpgradeHandler};
use actix_http::{HttpService, KeepAlive};
use actix_service::{Service as _, ServiceFactory as _, fn_factory};

use super::message::Accepted;
use crate::close_reason::CloseReason;
use crate::edge::conn::Conn;
use crate::edge::fast_path;
use crate::edge::linger;
use crate::edge::proxied;
use crate::edge::socket::Socket;
use crate::edge::stream::EdgeStream;
use crate::edge::task::Turns;
use crate::edge::watch::Watch;
use crate::service::{ExpectService, PlainService, PublicService, ResponseBody, Worker};

type Http =
    H1ServiceHandler<EdgeStream, PublicService, ResponseBody, ExpectService, UpgradeHandler>;

/// Serves one worker's connections.
pub(super) struct Server {
    pub(super) worker: Rc<Worker>,
    pub(super) watch: Rc<Watch>,
    plain: PlainService,
    buffers: fast_path::Buffers,
    http: Http,
    index: usize,
}

impl Server {
    /// Sets up HTTP for a worker. actix-http's timers and keep-alive are off: the watch replaces them, at a
    /// lower cost.
    pub(super) async fn new(worker: Rc<Worker>, index: usize) -> Option<Self> {
        let watch = Watch::new(
            worker.shared.settings.timeouts,
            Arc::clone(&worker.counters),
            Arc::clone(&worker.shared.budget),
        );
        let service = {
            let worker = Rc::clone(&worker);
            fn_factory(move || {
                let service = PublicService::new(Rc::clone(&worker));
                std::future::ready(Ok::<_, ()>(service))
            })
        };
        let expect = {
            let worker = Rc::clone(&worker);
            fn_factory(move || {
                let service = ExpectService::new(Rc::clone(&worker));
                std::future::ready(Ok::<_, ()>(service))
            })
        };
        let http = HttpService::build()
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(Duration::ZERO)
            .client_disconnect_timeout(linger::LINGER)
            .expect(expect)
            .on_connect_ext(|stream: &EdgeStream, data| {
                data.insert(Rc::clone(stream.conn()));
            })
            .h1(service)
            .new_service(())
            .await
            .ok()?;
        Some(Self {
            plain: PlainService::new(Rc::clone(&worker)),
            buffers: fast_path::Buffers::default(),
            worker,
            watch: Rc::new(watch),
            http,
            index,
        })
    }

    /// Starts to serve a connection that the accepting worker has already counted.
    pub(super) fn spawn(self: &Rc<Self>, accepted: Accepted) {
        let server = Rc::clone(self);
        let open = Open::new(Rc::clone(self));
        tokio::task::spawn_local(async move {
            let _open = open;
            server.serve(accepted).await;
        });
    }

    async fn serve(&self, accepted: Accepted) {
        let settings = &self.worker.shared.settings;
        let peer = accepted.peer;
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let clock = self.watch.clock();
        let conn = Rc::new(Conn::new(peer, clock, settings.timeouts.min_rate));
        if accepted.probes_only {
            conn.restrict_to_probes();
        }
        let socket = Socket::Fresh(accepted.stream);
        let mut stream = EdgeStream::new(socket, Rc::clone(&conn), Rc::clone(&self.watch));
        let (mode, trusted) = (settings.proxy_protocol, &settings.trusted_proxies);
        if let Err(error) = proxied::read(&mut stream, mode, trusted).await {
            // A drain closes connections that have sent nothing; those had no header to refuse.
            if conn.close_reason() != Some(CloseReason::Idle) {
                self.worker.counters.proxy_refused.add(1);
                tracing::debug!(%peer, %error, "connection refused");
            }
            return;
        }
        // A client may close its connection at any time, here and below.
        let Ok(true) = fast_path::serve(&mut stream, &self.plain, &self.buffers).await else {
            return;
        };
        let dispatcher = self.http.call((stream, Some(peer)));
        match Turns::new(dispatcher, conn, settings.limits.header_bytes).await {
            Ok(()) | Err(DispatchError::Io(_)) => {}
            Err(error) => tracing::debug!(%peer, %error, "connection ended"),
        }
    }
}

/// A connection that counts until it is dropped, however its task ends.
struct Open(Rc<Server>);

impl Open {
    fn new(server: Rc<Server>) -> Self {
        server.worker.counters.accepted.add(1);
        server.worker.counters.open.add(1);
        Self(server)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let shared = &self.0.worker.shared;
        self.0.worker.counters.open.subtract(1);
        shared.assigned[self.0.index].fetch_sub(1, Ordering::Relaxed);
        shared.connections.fetch_sub(1, Ordering::SeqCst);
    }
}
