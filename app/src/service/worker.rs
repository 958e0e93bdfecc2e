//! The state of one worker: its counters, and cached copies of shared state.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_http::header::HeaderValue;
use bytes::{Bytes, BytesMut};
use serde::Serialize;

use super::page::Page;
use crate::clock;
use crate::faults::Faults;
use crate::lifecycle::State;
use crate::metrics::counters::Counters;
use crate::request_id;
use crate::routes::Route;
use crate::settings::{RequestLog, Settings};
use crate::shared::Shared;

/// Ids are slices of blocks of this size, so that only every 512th allocates. A block is not reused:
/// actix-http's pool of heads keeps its last id for longer than the response.
const ARENA_BYTES: usize = 8192;

/// The tokens of one log line: thousandths, so that low rates are exact too.
const LINE: u64 = 1000;

/// A worker's state. It never leaves its thread.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<Counters>,
    /// Distinguishes the ids of this worker from all others.
    pub(crate) seed: u64,
    numbers: Cell<u64>,
    arena: RefCell<BytesMut>,
    greeting: RefCell<(u64, Bytes)>,
    page: RefCell<Option<(u64, Rc<Page>)>>,
    faults: Cell<(u64, Faults)>,
    log_ration: Cell<u64>,
    /// The current second, and its `Date` header.
    date: Cell<(u64, clock::HttpDate)>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, index: usize) -> Self {
        let counters = Arc::clone(&shared.counters[index]);
        let worker = Self {
            counters,
            seed: request_id::random(),
            numbers: Cell::new(0),
            arena: RefCell::default(),
            greeting: RefCell::default(),
            page: RefCell::default(),
            faults: Cell::default(),
            log_ration: Cell::new(0),
            date: Cell::new((0, clock::http_date(0))),
            shared,
        };
        worker.turn_date();
        worker.refill_log(Duration::from_secs(1));
        worker
    }

    fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn state(&self) -> State {
        self.shared.life.state()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state() >= State::Draining
    }

    pub(crate) fn next_number(&self) -> u64 {
        let number = self.numbers.get();
        self.numbers.set(number + 1);
        number
    }

    /// The time for a `Date` header, to a quarter of a second.
    pub(crate) fn date(&self) -> clock::HttpDate {
        self.date.get().1
    }

    fn turn_date(&self) {
        let second = clock::unix_now().as_secs();
        if self.date.get().0 != second {
            self.date.set((second, clock::http_date(second)));
        }
    }

    /// Does the periodic work, `interval` after the last time.
    pub(crate) fn turn(&self, interval: Duration) {
        self.turn_date();
        self.refill_log(interval);
        self.counters.heartbeat.set(self.shared.run_millis());
    }

    /// Request `number`'s id.
    pub(crate) fn id_digits(&self, number: u64) -> [u8; 16] {
        request_id::hex(request_id::mix(self.seed.wrapping_add(number)))
    }

    /// Request `number`'s id, as a header.
    pub(crate) fn id_value(&self, number: u64) -> HeaderValue {
        let digits = self.id_digits(number);
        let mut arena = self.arena.borrow_mut();
        if arena.capacity() < digits.len() {
            *arena = BytesMut::with_capacity(ARENA_BYTES);
        }
        arena.extend_from_slice(&digits);
        let id = arena.split().freeze();
        HeaderValue::from_maybe_shared(id).expect("hexadecimal digits are visible ASCII")
    }

    /// The greeting with a line ending.
    pub(crate) fn greeting(&self) -> Bytes {
        let generation = self.shared.greeting.generation();
        let mut held = self.greeting.borrow_mut();
        if held.0 != generation {
            *held = (
                generation,
                format!("{}\n", self.shared.greeting.text()).into(),
            );
        }
        held.1.clone()
    }

    pub(crate) fn page(&self) -> Rc<Page> {
        let generation = self.shared.greeting.generation();
        let mut held = self.page.borrow_mut();
        match &*held {
            Some((of, page)) if *of == generation => Rc::clone(page),
            _ => {
                let text = self.shared.greeting.text();
                let page = Rc::new(Page::new(
                    &text,
                    &self.settings().identity,
                    self.settings().sample_routes,
                ));
                *held = Some((generation, Rc::clone(&page)));
                page
            }
        }
    }

    /// The body of `/hop`: the pod, as JSON.
    pub(crate) fn hop(&self, state: State) -> Bytes {
        #[derive(Serialize)]
        struct Hop<'a> {
            pod: &'a str,
            node: Option<&'a str>,
            zone: Option<&'a str>,
            version: &'static str,
            state: &'static str,
            visits: Option<u64>,
        }
        let identity = &self.settings().identity;
        let hop = Hop {
            pod: &identity.pod,
            node: identity.node.as_deref(),
            zone: identity.zone.as_deref(),
            version: crate::build_info::VERSION,
            state: state.name(),
            visits: self.shared.visits.total(),
        };
        let mut body = serde_json::to_vec(&hop).expect("strings and numbers serialise");
        body.push(b'\n');
        body.into()
    }

    pub(crate) fn faults(&self) -> Faults {
        let generation = self.shared.faults_generation();
        let (of, faults) = self.faults.get();
        if of == generation {
            return faults;
        }
        let faults = self.shared.faults();
        self.faults.set((generation, faults));
        faults
    }

    /// Whether this request is logged: the settings ask for it, and the rate limit allows it.
    pub(crate) fn may_log(&self, problem: bool, route: Route) -> bool {
        let wanted = match self.settings().request_log {
            RequestLog::All => true,
            RequestLog::Problems => problem,
            RequestLog::Off => false,
        };
        let wanted = wanted && self.shared.logs_requests.load(Ordering::Relaxed);
        if !wanted || problem || self.settings().request_log_rate.is_none() {
            return wanted;
        }
        if route.is_probe() && !self.shared.logs_probes.load(Ordering::Relaxed) {
            return false;
        }
        let ration = self.log_ration.get();
        if ration < LINE {
            self.counters.log_rate.add(1);
            return false;
        }
        self.log_ration.set(ration - LINE);
        true
    }

    /// Adds the tokens of `time`, up to those of a second.
    fn refill_log(&self, time: Duration) {
        let rate = self.settings().request_log_rate.unwrap_or(0);
        let workers = self.shared.counters.len().max(1) as u64;
        let second = u64::from(rate) * LINE / workers;
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let more = second.saturating_mul(millis) / 1000;
        self.log_ration.set(
            self.log_ration
                .get()
                .saturating_add(more)
                .min(second.max(LINE)),
        );
    }
}
