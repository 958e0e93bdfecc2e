//! What the public listener answers.
//!
//! It is an actix-http service and no actix-web application: eight fixed paths need no router, and
//! without one, and without a timer for each request, `GET /` took 7.9 µs of CPU where it took 10.4
//! before (a loop over epoll that always writes the same bytes took 7.8). The admin listener, where
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
