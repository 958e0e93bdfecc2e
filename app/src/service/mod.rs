//! What the public listener answers.
//!
//! It is an actix-http service and no actix-web application: eight fixed paths need no router. The
//! admin listener, where convenience counts and speed does not, is one. What needs no parser either
//! is answered by [`plain`].

mod answer;
mod body;
mod dispatch;
mod exchange;
mod faulty;
mod info;
pub(crate) mod page;
mod plain;

pub(crate) use answer::AnswerBody;
pub(crate) use dispatch::PublicService;
pub(crate) use exchange::Exchange;
pub(crate) use plain::PlainService;
