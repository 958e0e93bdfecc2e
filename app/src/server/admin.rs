//! The admin listener: an actix-web application on the main thread, for Prometheus, the kubelet and
//! whoever may exec into the pod. It is up before the first request and until after the last.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{Service as _, ServiceFactory as _, map_config};
use actix_web::dev::AppConfig;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse};
use tokio::task::JoinHandle;

use crate::faults::Faults;
use crate::metrics::render;
use crate::problem;
use crate::request_id;
use crate::shared::Shared;

/// Connections at the same time; the next one waits in the queue.
const MOST_CONNECTIONS: usize = 64;
/// The largest body of a request: a filter, or a list of faults.
const MOST_BODY_BYTES: usize = 4096;
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A connection ends after this, whatever it does: nobody needs one for longer.
const LONGEST_CONNECTION: Duration = Duration::from_mins(5);
/// A worker whose clock has not moved for this long is stuck.
const STUCK: Duration = Duration::from_secs(10);

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
        .wrap(
            DefaultHeaders::new()
                .add((CACHE_CONTROL, "no-store"))
                .add((X_CONTENT_TYPE_OPTIONS, "nosniff")),
        )
        .configure(routes);
    let http = HttpService::build()
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(Duration::from_secs(1))
        .keep_alive(KEEP_ALIVE)
        .h1(map_config(app, |()| AppConfig::default()))
        .new_service(())
        .await
        .map_err(|()| io::Error::other("the admin application cannot be set up"))?;
    let http = Rc::new(http);
    let open = Rc::new(Cell::new(0));
    Ok(tokio::task::spawn_local(async move {
        loop {
            if open.get() >= MOST_CONNECTIONS {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::error!(%error, "cannot accept on the admin listener");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let (http, open) = (Rc::clone(&http), Rc::clone(&open));
            open.set(open.get() + 1);
            tokio::task::spawn_local(async move {
                let connection = http.call((stream, Some(peer)));
                // How a connection ends is the client's business.
                drop(tokio::time::timeout(LONGEST_CONNECTION, connection).await);
                open.set(open.get() - 1);
            });
        }
    }))
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/livez", web::get().to(alive))
        .route("/metrics", web::get().to(metrics))
        .route("/log", web::get().to(log))
        .route("/log", web::put().to(set_log))
        .route("/faults", web::get().to(faults))
        .route("/faults", web::put().to(set_faults))
        .route("/faults", web::delete().to(clear_faults))
        .route("/", web::get().to(index))
        .default_service(web::to(nothing));
}

fn refuse(status: StatusCode, detail: &str) -> HttpResponse {
    let id = request_id::numbered(request_id::random());
    let body = problem::body(status, detail, Some(&id));
    HttpResponse::build(status)
        .insert_header(("x-request-id", id))
        .content_type(problem::MEDIA_TYPE)
        .body(body)
}

fn text(text: impl Into<String>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(text.into())
}

async fn index() -> HttpResponse {
    text(
        "GET /livez     whether every worker turns\n\
         GET /metrics   for Prometheus\n\
         GET /log       the log filter; PUT changes it, as info or warn,app::request=debug\n\
         GET /faults    faults in force; PUT changes them, as percent=10 status=503 latency=250ms;\n\
         \x20              DELETE ends them\n",
    )
}

async fn alive(shared: Data<Shared>) -> HttpResponse {
    let now = shared.uptime_millis();
    let stuck = shared.counters.iter().position(|counters| {
        let last = counters.heartbeat.get();
        u128::from(now.saturating_sub(last)) > STUCK.as_millis()
    });
    match stuck {
        None => text("ok\n"),
        Some(index) => {
            let detail = format!("worker {index} has not turned for {STUCK:?}");
            refuse(StatusCode::SERVICE_UNAVAILABLE, &detail)
        }
    }
}

async fn metrics(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(render::MEDIA_TYPE)
        .body(render::render(&shared.snapshot()))
}

async fn log(shared: Data<Shared>) -> HttpResponse {
    text(format!("{}\n", shared.filter.text()))
}

async fn set_log(shared: Data<Shared>, body: Bytes) -> HttpResponse {
    let wanted = String::from_utf8_lossy(&body);
    match shared.filter.set(wanted.trim()) {
        Ok(()) => {
            shared.refresh_log_switches();
            tracing::warn!(filter = shared.filter.text(), "log filter changed");
            text(format!("{}\n", shared.filter.text()))
        }
        Err(message) => refuse(StatusCode::BAD_REQUEST, &message),
    }
}

const FAULTS_ARE_OFF: &str = "faults are off; start the service with APP_FAULTS=on";

async fn faults(shared: Data<Shared>) -> HttpResponse {
    if !shared.settings.faults {
        return refuse(StatusCode::FORBIDDEN, FAULTS_ARE_OFF);
    }
    text(format!("{}\n", shared.faults()))
}

async fn set_faults(shared: Data<Shared>, body: Bytes) -> HttpResponse {
    match String::from_utf8_lossy(&body).parse() {
        Ok(faults) => put_into_force(&shared, faults),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &format!("{error}")),
    }
}

async fn clear_faults(shared: Data<Shared>) -> HttpResponse {
    put_into_force(&shared, Faults::default())
}

fn put_into_force(shared: &Shared, faults: Faults) -> HttpResponse {
    if !shared.settings.faults {
        return refuse(StatusCode::FORBIDDEN, FAULTS_ARE_OFF);
    }
    match shared.set_faults(faults) {
        Ok(()) => {
            tracing::warn!(%faults, "faults changed");
            text(format!("{faults}\n"))
        }
        Err(message) => refuse(StatusCode::INSUFFICIENT_STORAGE, &message),
    }
}

async fn nothing(request: HttpRequest) -> HttpResponse {
    let known = ["/livez", "/metrics", "/log", "/faults", "/"].contains(&request.path());
    if known {
        refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path takes another method; GET / lists them",
        )
    } else {
        refuse(
            StatusCode::NOT_FOUND,
            "there is nothing at this path; GET / lists what there is",
        )
    }
}
