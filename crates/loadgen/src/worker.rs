//! The thread that drives a load.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::connection::{Connection, Exchange, Step};
use crate::schedule::Schedule;
use crate::{Client, Failure, Plan, Reason, Report};

/// The longest sleep, and so the delay until a stop or a timeout is noticed.
const TICK: Duration = Duration::from_millis(10);
/// The resolution of epoll's timeout.
const MILLISECOND: Duration = Duration::from_millis(1);

/// A running load.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<Report>>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    ok: AtomicU64,
    failed: AtomicU64,
}

impl Load {
    /// Starts a load on a thread of its own.
    ///
    /// # Errors
    /// When no epoll instance or thread can be created.
    pub fn start(plan: Plan) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let worker = Worker::new(plan, Arc::clone(&shared))?;
        let thread = std::thread::Builder::new()
            .name("load".into())
            .spawn(|| worker.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Runs a load to completion.
    ///
    /// # Errors
    /// As [`Load::start`] and [`Load::finish`].
    pub fn run(plan: Plan) -> io::Result<Report> {
        Self::start(plan)?.finish()
    }

    /// Requests that have got a response so far.
    pub fn ok(&self) -> u64 {
        self.shared.ok.load(Ordering::Relaxed)
    }

    /// Requests that have failed so far.
    pub fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Sends no further requests; those in flight are still awaited.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until the load has finished.
    ///
    /// # Errors
    /// When epoll fails, or no socket can be created.
    ///
    /// # Panics
    /// When the load's thread panicked.
    pub fn finish(mut self) -> io::Result<Report> {
        let thread = self
            .thread
            .take()
            .expect("only this takes the thread, and it takes the load");
        thread.join().expect("the load's thread does not panic")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    request: Vec<u8>,
    schedule: Schedule,
    poll: Poll,
    slots: Vec<Option<Connection>>,
    /// Slots without a request in flight, the one idle longest first.
    free: VecDeque<usize>,
    /// Pauses: when each is over, its slot, and when its request was sent, which distinguishes it from a
    /// later request in the same slot.
    paused: VecDeque<(Instant, usize, Instant)>,
    started: Instant,
    swept: Instant,
    report: Report,
    shared: Arc<Shared>,
    plan: Plan,
}

impl Worker {
    fn new(plan: Plan, shared: Arc<Shared>) -> io::Result<Self> {
        let started = Instant::now();
        Ok(Self {
            request: plan.request(),
            schedule: Schedule::new(plan.pace, started, plan.time, plan.requests),
            poll: Poll::new()?,
            slots: (0..plan.connections).map(|_| None).collect(),
            free: (0..plan.connections).collect(),
            paused: VecDeque::new(),
            started,
            swept: started,
            report: Report::new(),
            shared,
            plan,
        })
    }

    fn run(mut self) -> io::Result<Report> {
        if let Some(cpu) = self.plan.cpu {
            crate::cpu::pin(None, cpu)?;
        }
        let mut events = Events::with_capacity(1024);
        while self.send_what_is_due()? || self.free.len() < self.slots.len() {
            match self.poll.poll(&mut events, Some(self.poll_timeout())) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                let closing = event.is_read_closed();
                self.advance(event.token().0, event.is_readable() || closing, closing);
            }
            self.resume_paused();
            self.sweep();
        }
        self.report.elapsed = self.started.elapsed();
        self.report.unsent += self.schedule.overdue(Instant::now());
        Ok(self.report)
    }

    /// Sends every request that is due and finds a free connection; false when the load is complete.
    fn send_what_is_due(&mut self) -> io::Result<bool> {
        if self.shared.stop.load(Ordering::Relaxed) {
            self.report.unsent += self.schedule.overdue(Instant::now());
            self.schedule.stop();
        }
        while let Some(&slot) = self.free.front() {
            let now = Instant::now();
            let Some(due) = self.schedule.take(now) else {
                return Ok(self.schedule.next_due(now).is_some());
            };
            self.free.pop_front();
            self.send(slot, due, now)?;
        }
        Ok(self.schedule.next_due(Instant::now()).is_some())
    }

    fn send(&mut self, slot: usize, due: Instant, now: Instant) -> io::Result<()> {
        if self.slots[slot].is_none() {
            match Connection::open(self.plan.target, self.poll.registry(), Token(slot)) {
                Ok(connection) => {
                    self.report.connections += 1;
                    self.slots[slot] = Some(connection);
                }
                // A refusal is reported later, by an event. This is a limit of the client's machine, such as
                // no file descriptor or port left, and says nothing about the service.
                Err(error) => return Err(error),
            }
        }
        let allowed = self.request.len() / if self.plan.pause.is_some() { 2 } else { 1 };
        if let Some(connection) = &mut self.slots[slot] {
            connection.start(due, now, allowed);
        }
        self.advance(slot, false, false);
        Ok(())
    }

    /// Writes and reads what a slot can, and handles the result.
    fn advance(&mut self, slot: usize, readable: bool, closing: bool) {
        let Some(connection) = &mut self.slots[slot] else {
            return;
        };
        let under_way = connection.exchange();
        let reused = connection.reused;
        let mut step = connection.write(&self.request);
        if readable && !matches!(step, Step::Failed(_)) {
            let read = connection.read(self.plan.body.as_deref(), closing);
            if read != Step::Waiting {
                step = read;
            }
        }
        let now = Instant::now();
        match (step, under_way) {
            (Step::Waiting, _) => {}
            (Step::Paused, exchange) => {
                let pause = self.plan.pause.unwrap_or_default();
                let sent = exchange.map_or(now, |exchange| exchange.sent);
                self.paused.push_back((now + pause, slot, sent));
            }
            (Step::ClosedIdle, _) => {
                self.report.closed_idle += 1;
                self.slots[slot] = None;
            }
            (Step::Failed(reason), Some(exchange)) => {
                self.slots[slot] = None;
                self.fail(slot, reason, exchange, reused);
            }
            (
                Step::Answered {
                    reusable,
                    close_requested,
                },
                Some(exchange),
            ) => {
                self.report
                    .succeed(now.saturating_duration_since(exchange.due));
                self.shared.ok.store(self.report.ok, Ordering::Relaxed);
                let keep = self.plan.client == Client::KeptAlive;
                self.report.close_requested += u64::from(keep && close_requested);
                self.report.closed_idle += u64::from(keep && !close_requested && !reusable);
                if !(keep && reusable) {
                    self.slots[slot] = None;
                }
                self.free.push_back(slot);
            }
            (Step::Failed(_) | Step::Answered { .. }, None) => {
                unreachable!("only a request in flight is answered or fails")
            }
        }
    }

    fn fail(&mut self, slot: usize, reason: Reason, exchange: Exchange, reused: bool) {
        let at = self.started.elapsed();
        let after = exchange.sent.elapsed();
        self.report.fail(Failure {
            reason,
            at,
            after,
            reused,
        });
        self.shared.failed.fetch_add(1, Ordering::Relaxed);
        self.free.push_back(slot);
    }

    /// Sends the second half of the requests whose pause is over.
    fn resume_paused(&mut self) {
        while let Some(&(until, slot, sent)) = self.paused.front()
            && until <= Instant::now()
        {
            self.paused.pop_front();
            if let Some(connection) = &mut self.slots[slot]
                && connection
                    .exchange()
                    .is_some_and(|exchange| exchange.sent == sent)
            {
                connection.resume(&self.request);
                self.advance(slot, false, false);
            }
        }
    }

    /// Fails requests that exceeded the timeout. Ten checks per second are exact enough.
    fn sweep(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.swept) < TICK * 10 {
            return;
        }
        self.swept = now;
        for slot in 0..self.slots.len() {
            let Some(connection) = &self.slots[slot] else {
                continue;
            };
            let reused = connection.reused;
            if let Some(exchange) = connection.exchange()
                && now.duration_since(exchange.sent) >= self.plan.timeout
            {
                self.slots[slot] = None;
                self.fail(slot, Reason::TimedOut, exchange, reused);
            }
        }
    }

    /// How long to sleep at most.
    fn poll_timeout(&self) -> Duration {
        let now = Instant::now();
        let due = if self.free.is_empty() {
            None
        } else {
            self.schedule.next_due(now)
        };
        let pause = self.paused.front().map(|&(until, ..)| until);
        let next = due.into_iter().chain(pause).min();
        let sleep = next.map_or(TICK, |next| next.saturating_duration_since(now).min(TICK));
        if self.plan.spin && sleep < MILLISECOND {
            Duration::ZERO
        } else {
            sleep
        }
    }
}
