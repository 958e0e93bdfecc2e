//! What the public listener answers.
//!
//! It is an actix-http service and no actix-web application: a dozen paths need no router. The
//! admin listener, where convenience counts and speed does not, is one. What needs no parser either
//! is answered by [`plain`].

mod accept;
mod answer;
mod answer_body;
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
mod samples;
mod worker;

pub(crate) use answer_body::AnswerBody;
pub(crate) use check::ExpectService;
pub(crate) use dispatch::PublicService;
pub(crate) use plain::PlainService;
pub(crate) use worker::Worker;
