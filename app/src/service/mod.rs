//! What the public listener answers.
//!
//! It is an actix-http service and no actix-web application: eight fixed paths need no router, and
//! without one `GET /` costs a fifth less (see `docs/benchmarks.md`). The admin listener, where
//! convenience counts and speed does not, is one.

mod answer;
mod body;
mod dispatch;
mod exchange;
mod faulty;
mod info;
pub(crate) mod page;

pub(crate) use answer::AnswerBody;
pub(crate) use dispatch::PublicService;
pub(crate) use exchange::Exchange;
