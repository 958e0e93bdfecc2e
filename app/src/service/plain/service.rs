//! Answers plain requests, each mostly with the bytes of the last response.

use std::cell::RefCell;
use std::rc::Rc;

use super::recognise::recognise;
use super::written::Written;
use crate::edge::conn::Conn;
use crate::edge::fast_path::{After, AnswerPlain};
use crate::metrics::counters::METHOD_HEAD;
use crate::routes::Route;
use crate::service::exchange::Exchange;
use crate::service::handlers::line;
use crate::service::worker::Worker;

/// Answers one worker's plain requests.
pub(crate) struct PlainService {
    worker: Rc<Worker>,
    /// The last response, by whether the connection is kept and by route. The next one differs in its id, and
    /// once a second in its date.
    last: RefCell<[[Option<Written>; Route::COUNT]; 2]>,
    /// No request is plain: each may have faults in its headers.
    off: bool,
    /// Whether `X-Forwarded-For` may name the client.
    believes_forwarded: bool,
}

impl PlainService {
    pub(crate) fn new(worker: Rc<Worker>) -> Self {
        let settings = &worker.shared.settings;
        Self {
            off: settings.faults,
            believes_forwarded: !settings.trusted_proxies.is_empty(),
            last: RefCell::default(),
            worker,
        }
    }
}

impl AnswerPlain for PlainService {
    fn answer(&self, conn: &Rc<Conn>, request: &[u8], out: &mut Vec<u8>) -> Option<After> {
        if self.off || conn.is_for_probes_only() {
            return None;
        }
        let limits = &self.worker.shared.settings.limits;
        let plain = recognise(request, limits, self.believes_forwarded)?;
        let body = line(&self.worker, plain.route)?;
        let after = if plain.closes || self.worker.is_draining() {
            After::Close
        } else {
            After::Keep
        };
        let exchange = Exchange::plain(&self.worker, conn, plain.route, plain.method, body.len());
        let id = self.worker.id_digits(exchange.number);
        let last = &mut self.last.borrow_mut()[after as usize][plain.route as usize];
        match last {
            Some(last) if last.is_of(&body, self.worker.date()) => last.name(id),
            _ => *last = Some(Written::new(body, self.worker.date(), id, after)),
        }
        let written = last.as_ref().expect("it was there, or is now");
        out.extend_from_slice(if plain.method == METHOD_HEAD {
            written.head()
        } else {
            &written.bytes
        });
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lifecycle::State;
    use crate::settings::Settings;
    use crate::shared::Shared;

    /// A worker of a service that is ready.
    fn worker() -> Rc<Worker> {
        let settings = Settings::from_env([], "host").unwrap();
        let (logs, filter) = crate::logs::start("off", settings.log_format).unwrap();
        #[cfg(feature = "otlp")]
        let (spans, _) = crate::otlp::start(&settings);
        let shared = Shared::new(
            settings,
            1,
            u64::MAX,
            logs,
            filter,
            #[cfg(feature = "otlp")]
            spans,
        );
        shared.life.advance(State::Ready);
        Rc::new(Worker::new(Arc::new(shared), 0))
    }

    #[test]
    fn successive_responses_differ_in_their_id_alone() {
        let worker = worker();
        let service = PlainService::new(Rc::clone(&worker));
        let peer = ([127, 0, 0, 1], 1).into();
        let conn = Rc::new(Conn::new(peer, Rc::default(), 1));
        let answer = || {
            let mut out = Vec::new();
            let answered = service.answer(&conn, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", &mut out);
            answered.map(|after| (String::from_utf8(out).unwrap(), after))
        };
        let ((first, after), (second, _)) = (answer().unwrap(), answer().unwrap());
        assert_eq!(after, After::Keep);
        let id = |answer: &str| {
            let (_, rest) = answer.split_once("x-request-id: ").unwrap();
            rest[..16].to_owned()
        };
        assert_ne!(id(&first), id(&second));
        assert_eq!(first.replace(&id(&first), &id(&second)), second);
        assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{first}");
        assert!(
            first.ends_with("\r\n\r\nHello from Rust on Kubernetes!\n"),
            "{first}"
        );
        worker.shared.life.advance(State::Draining);
        let (last, after) = answer().unwrap();
        assert_eq!(after, After::Close, "a draining pod closes the connection");
        assert!(last.contains("\r\nconnection: close\r\n"), "{last}");
    }
}
