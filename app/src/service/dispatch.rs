//! From a request to its response.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::{Request, Response, StatusCode};
use actix_service::Service;

use super::check::{Refusal, conn_of};
use super::exchange::Exchange;
use super::handlers;
use super::response::refuse;
use super::response_body::ResponseBody;
use super::worker::Worker;
use crate::close_reason::CloseReason;
use crate::faults::{Action, FaultError, Faults};

/// The public service of one worker.
pub(crate) struct PublicService {
    worker: Rc<Worker>,
}

impl PublicService {
    pub(crate) fn new(worker: Rc<Worker>) -> Self {
        Self { worker }
    }
}

/// A response, ready or in the future. Most are ready at once and cost no allocation.
pub(crate) enum Answering {
    Ready(Option<Response<ResponseBody>>),
    Later(Pin<Box<dyn Future<Output = Response<ResponseBody>>>>),
}

impl Future for Answering {
    type Output = Result<Response<ResponseBody>, actix_http::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Ready(response) => Poll::Ready(Ok(response
                .take()
                .expect("no future is polled after it was ready"))),
            Self::Later(response) => response.as_mut().poll(context).map(Ok),
        }
    }
}

impl Service<Request> for PublicService {
    type Response = Response<ResponseBody>;
    type Error = actix_http::Error;
    type Future = Answering;

    actix_service::always_ready!();

    fn call(&self, mut request: Request) -> Answering {
        let conn = conn_of(&request);
        let refusal = Refusal::of(&self.worker, &conn, &request);
        let exchange = Exchange::begin(&self.worker, &conn, &mut request);
        let response = match refusal {
            Some(refusal) => refusal.into_response(exchange),
            None => match faults_of(&exchange, &request) {
                Ok(Some(faults)) => {
                    return Answering::Later(Box::pin(inject(exchange, request, faults)));
                }
                Ok(None) if exchange.route.waits() => {
                    return Answering::Later(Box::pin(handlers::handle(exchange, request)));
                }
                Ok(None) => handlers::respond_at_once(exchange, &request),
                Err(error) => {
                    let detail = format!("x-app-fault: {error}");
                    refuse(exchange, StatusCode::BAD_REQUEST, &detail)
                }
            },
        };
        Answering::Ready(Some(response))
    }
}

/// The faults of a request: those in its headers, or else those in force.
fn faults_of(exchange: &Exchange, request: &Request) -> Result<Option<Faults>, FaultError> {
    let worker = &exchange.worker;
    if !worker.shared.settings.faults || !exchange.route.takes_faults() {
        return Ok(None);
    }
    let named: Vec<_> = request
        .head()
        .headers
        .get_all("x-app-fault")
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let faults = if named.is_empty() {
        worker.faults()
    } else {
        named.join(" ").parse()?
    };
    Ok((faults.affects_requests() && faults.picks(exchange.number)).then_some(faults))
}

/// Answers a request that faults apply to.
async fn inject(exchange: Exchange, request: Request, faults: Faults) -> Response<ResponseBody> {
    exchange.worker.counters.faults.add(1);
    match faults.inject(exchange.number).await {
        Action::Reset => {
            exchange.worker.counters.ended(CloseReason::Abort);
            exchange.conn.close(CloseReason::Abort);
            // The stream resets the connection, which drops this future.
            std::future::pending().await
        }
        Action::Respond(status) => refuse(exchange, status, "a fault was injected"),
        Action::Proceed => handlers::handle(exchange, request).await,
    }
}
