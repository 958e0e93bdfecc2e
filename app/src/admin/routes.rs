//! The routes of the admin listener.

use std::time::Duration;

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{Error, HttpResponse, Resource};

use super::response::{refuse, text};
use crate::faults::Faults;
use crate::metrics::render;
use crate::shared::Shared;

/// A worker that has not run for this long, while the process did, is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// A request's body, or why it cannot be read.
type Body = Result<Bytes, Error>;

/// Creates the route of a handler: routes cannot be cloned.
type Handler = fn() -> actix_web::Route;

/// Adds every path.
pub(crate) fn routes(config: &mut ServiceConfig) {
    let get = |handler: Handler| (Method::GET, handler);
    config
        .service(resource("/", &[get(|| web::to(index))]))
        .service(resource("/livez", &[get(|| web::to(alive))]))
        .service(resource("/metrics", &[get(|| web::to(metrics))]))
        .service(resource(
            "/log",
            &[get(|| web::to(log)), (Method::PUT, || web::to(set_log))],
        ))
        .service(resource(
            "/faults",
            &[
                get(|| web::to(faults)),
                (Method::PUT, || web::to(set_faults)),
                (Method::DELETE, || web::to(clear_faults)),
            ],
        ))
        .service(resource("/panic", &[(Method::POST, || web::to(panic))]))
        .default_service(web::to(async || {
            refuse(
                StatusCode::NOT_FOUND,
                "there is nothing at this path; GET / lists the paths",
            )
        }));
}

/// A path with its methods. GET implies HEAD; other methods are refused with an Allow header.
fn resource(path: &str, handlers: &[(Method, Handler)]) -> Resource {
    let mut resource = web::resource(path);
    let mut allowed = Vec::new();
    for (method, handler) in handlers {
        resource = resource.route(handler().method(method.clone()));
        allowed.push(method.as_str());
        if method == Method::GET {
            resource = resource.route(handler().method(Method::HEAD));
            allowed.push(Method::HEAD.as_str());
        }
    }
    let allowed = allowed.join(", ");
    resource.default_service(web::to(move || {
        let allowed = allowed.clone();
        async move { refuse_method(&allowed) }
    }))
}

fn refuse_method(allowed: &str) -> HttpResponse {
    let detail = format!("this path supports {allowed}");
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &detail);
    let allowed = HeaderValue::from_str(allowed).expect("methods are visible ASCII");
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn refuse_body(error: &Error) -> HttpResponse {
    let status = error.as_response_error().status_code();
    refuse(status, &format!("cannot read the body: {error}"))
}

async fn index() -> HttpResponse {
    text(
        "GET /livez     whether every worker runs\n\
         GET /metrics   for Prometheus\n\
         GET /log       the log filter; PUT sets it, such as info or warn,app::request=debug\n\
         GET /faults    faults in force; PUT sets them, such as percent=10 status=503 latency=250ms;\n\
         \x20              DELETE removes them\n\
         POST /panic    aborts the process, as a panic does\n",
    )
}

async fn alive(shared: Data<Shared>) -> HttpResponse {
    let now = shared.run_millis();
    let stuck = shared.counters.iter().position(|counters| {
        let last = counters.heartbeat.get();
        u128::from(now.saturating_sub(last)) > STUCK.as_millis()
    });
    match stuck {
        None => text("ok\n"),
        Some(index) => {
            let detail = format!("worker {index} has not run for {STUCK:?}");
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

async fn set_log(shared: Data<Shared>, body: Body) -> HttpResponse {
    let body = match body {
        Ok(body) => body,
        Err(error) => return refuse_body(&error),
    };
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

async fn set_faults(shared: Data<Shared>, body: Body) -> HttpResponse {
    let body = match body {
        Ok(body) => body,
        Err(error) => return refuse_body(&error),
    };
    match String::from_utf8_lossy(&body).parse() {
        Ok(faults) => apply(&shared, faults),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &format!("{error}")),
    }
}

async fn clear_faults(shared: Data<Shared>) -> HttpResponse {
    apply(&shared, Faults::default())
}

fn apply(shared: &Shared, faults: Faults) -> HttpResponse {
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

/// Aborts the process as a panic of the release build does, to show how Kubernetes handles it.
async fn panic(shared: Data<Shared>) -> HttpResponse {
    if !shared.settings.faults {
        return refuse(StatusCode::FORBIDDEN, FAULTS_ARE_OFF);
    }
    tracing::error!("aborted by POST /panic");
    shared.logs.flush();
    std::process::abort()
}
