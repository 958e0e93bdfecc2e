//! What each path answers.

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Responder};

use crate::lifecycle::State;
use crate::problem;
use crate::server::Shared;

/// The public listener's routes.
pub(crate) fn public(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(hello))
        .route("/healthz", web::get().to(alive))
        .route("/readyz", web::get().to(ready))
        .route("/startupz", web::get().to(started))
        .default_service(web::to(not_found));
}

/// The admin listener's routes.
pub(crate) fn admin(config: &mut ServiceConfig) {
    config
        .route("/livez", web::get().to(alive))
        .route("/metrics", web::get().to(metrics))
        .default_service(web::to(not_found));
}

async fn hello(shared: Data<Shared>) -> impl Responder {
    format!("{}\n", shared.settings.greeting)
}

async fn alive() -> impl Responder {
    "ok\n"
}

async fn ready(shared: Data<Shared>) -> HttpResponse {
    match shared.life.state() {
        State::Ready => HttpResponse::Ok().body("ready\n"),
        other => problem::answer(StatusCode::SERVICE_UNAVAILABLE, other.name()),
    }
}

async fn started(shared: Data<Shared>) -> HttpResponse {
    match shared.life.state() {
        State::Starting => problem::answer(StatusCode::SERVICE_UNAVAILABLE, "starting"),
        _ => HttpResponse::Ok().body("started\n"),
    }
}

async fn metrics(shared: Data<Shared>) -> HttpResponse {
    let state = shared.life.state();
    let body: String = State::ALL
        .iter()
        .map(|each| {
            format!(
                "app_state{{state=\"{each}\"}} {}\n",
                u8::from(*each == state)
            )
        })
        .collect();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(body)
}

async fn not_found() -> HttpResponse {
    problem::answer(StatusCode::NOT_FOUND, "there is nothing here")
}
