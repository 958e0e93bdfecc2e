//! The admin listener: an actix-web application on the main thread, for Prometheus, the kubelet and
//! people with access to the pod. It serves from before the first public request until after the last.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_http::HttpService;
use actix_service::{Service as _, ServiceFactory as _, map_config};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::web::{self, Data};
use tokio::task::JoinHandle;

use super::accept_errors::AcceptErrors;
use super::admin_stream::AdminStream;
use crate::admin;
use crate::shared::Shared;

/// The most connections; at this limit the oldest is closed.
pub(super) const MOST_CONNECTIONS: usize = 64;
/// The largest body of a request: a filter, or a list of faults.
const MOST_BODY_BYTES: usize = 4096;
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A connection is closed after this time in any case: no client needs it for longer.
const LONGEST_CONNECTION: Duration = Duration::from_mins(5);

/// Serves `listener` on the current `LocalSet`.
pub(super) async fn listen(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
) -> io::Result<JoinHandle<()>> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let data = Data::from(shared);
    let app = App::new()
        .app_data(data)
        .app_data(web::PayloadConfig::new(MOST_BODY_BYTES))
        .wrap(from_fn(admin::guard))
        .wrap(
            DefaultHeaders::new()
                .add((CACHE_CONTROL, "no-store"))
                .add((X_CONTENT_TYPE_OPTIONS, "nosniff")),
        )
        .configure(admin::routes);
    let http = HttpService::build()
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(Duration::from_secs(1))
        .keep_alive(KEEP_ALIVE)
        .h1(map_config(app, |()| AppConfig::default()))
        .new_service(())
        .await
        .map_err(|()| io::Error::other("the admin application cannot be set up"))?;
    let http = Rc::new(http);
    Ok(tokio::task::spawn_local(async move {
        let mut errors = AcceptErrors::new("admin");
        // The oldest first; each is aborted with the listener.
        let mut open = VecDeque::new();
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    errors.log(&error, Instant::now());
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            open.retain(|connection: &AbortOnDrop| !connection.0.is_finished());
            while open.len() >= MOST_CONNECTIONS {
                open.pop_front();
            }
            let http = Rc::clone(&http);
            open.push_back(AbortOnDrop(tokio::task::spawn_local(async move {
                let connection = http.call((AdminStream(stream), Some(peer)));
                // A client may close its connection in any way.
                drop(tokio::time::timeout(LONGEST_CONNECTION, connection).await);
            })));
        }
    }))
}

/// A connection's task.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
