//! The routes of the public listener.
//!
//! An actix-http service without actix-web: a dozen paths need no router. The admin listener, where speed
//! does not matter, uses actix-web. [`plain`] answers the requests that need no parser.
//!
//! `dispatch` takes all others through `check` (limits, `host`, path, method) to `handlers`: a `page` or a line of
//! text (`accept`), `info`, or `samples`. `body` reads what the client sends, `response` and `response_body` are
//! what it gets, and `exchange` counts, logs and traces both. `worker` has the counters and cached state.

mod accept;
mod body;
mod check;
mod dispatch;
mod exchange;
mod handlers;
mod headers;
mod host;
mod info;
mod page;
mod plain;
mod response;
mod response_body;
mod samples;
mod worker;

pub(crate) use check::ExpectService;
pub(crate) use dispatch::PublicService;
pub(crate) use plain::PlainService;
pub(crate) use response_body::ResponseBody;
pub(crate) use worker::Worker;
