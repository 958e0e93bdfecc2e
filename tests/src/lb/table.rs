//! The targets, the choice among them, and the counts.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use super::rules::Rules;
use super::target::{Health, Target};

/// What a balancer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that were forwarded to a target; requests, at layer 7.
    pub flows: u64,
    /// Of these, to a deregistered target, because of the lag.
    pub to_deregistered: u64,
    /// Of these, to an unhealthy target.
    pub to_unhealthy: u64,
    /// Connections that their target refused or did not answer.
    pub refused: u64,
    /// Connections that came while no target was registered.
    pub no_target: u64,
    /// Live connections reset because their target became unhealthy or its deregistration delay expired.
    pub reset: u64,
    /// Live connections that one side reset, and the other side then saw reset.
    pub reset_through: u64,
    /// Live connections cut because they were idle.
    pub idle: u64,
    /// Requests that were answered with 502 (layer 7).
    pub bad_gateway: u64,
}

/// The target of a connection or, at layer 7, of a request.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) id: u64,
    pub(super) address: SocketAddr,
    /// Changes when the connection is to be reset.
    pub(super) resets: watch::Receiver<u64>,
}

/// The balancer's state.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) rules: Rules,
    pub(super) targets: Vec<Target>,
    pub(super) counters: Counters,
    next_id: u64,
    random: u64,
}

impl Table {
    pub(super) fn new(rules: Rules) -> Self {
        let random = 0x9e37_79b9_7f4a_7c15;
        Self {
            rules,
            targets: Vec::new(),
            counters: Counters::default(),
            next_id: 0,
            random,
        }
    }

    /// Adds a target and returns its number. One that drains at this address is another target.
    pub(super) fn register(&mut self, address: SocketAddr) -> u64 {
        self.next_id += 1;
        self.targets.push(Target::new(self.next_id, address));
        self.next_id
    }

    /// Marks the registered target at `address` and returns its number.
    pub(super) fn deregister(&mut self, address: SocketAddr, now: Instant) -> Option<u64> {
        let target = self
            .targets
            .iter_mut()
            .find(|target| target.address == address && target.deregistered.is_none())?;
        target.deregistered = Some(now);
        Some(target.id)
    }

    pub(super) fn get(&self, id: u64) -> Option<&Target> {
        self.targets.iter().find(|target| target.id == id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Target> {
        self.targets.iter_mut().find(|target| target.id == id)
    }

    /// Removes a target. Its live connections stay.
    pub(super) fn remove(&mut self, id: u64) {
        self.targets.retain(|target| target.id != id);
    }

    /// Whether the balancer fails open, because no target is healthy.
    pub(super) fn fails_open(&self, now: Instant) -> bool {
        let registered = |target: &&Target| target.registered(now, &self.rules);
        !self
            .targets
            .iter()
            .filter(registered)
            .any(|target| target.health == Health::Healthy)
    }

    /// Chooses the target of a new connection.
    pub(super) fn choose(&mut self, now: Instant) -> Option<Choice> {
        let open = self.fails_open(now);
        let rules = &self.rules;
        let fits = |target: &&Target| {
            target.in_service(now, rules) || (open && target.registered(now, rules))
        };
        let count = self.targets.iter().filter(fits).count();
        let Some(pick) = random(&mut self.random).checked_rem(count as u64) else {
            self.counters.no_target += 1;
            return None;
        };
        let pick = usize::try_from(pick).expect("it is below a usize");
        let target = self
            .targets
            .iter()
            .filter(fits)
            .nth(pick)
            .expect("pick is below the count");
        self.counters.flows += 1;
        self.counters.to_deregistered += u64::from(target.deregistered.is_some());
        self.counters.to_unhealthy += u64::from(target.health == Health::Unhealthy);
        Some(Choice {
            id: target.id,
            address: target.address,
            resets: target.resets.subscribe(),
        })
    }
}

/// Marsaglia's xorshift64, in place of an NLB's flow hash.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Locks the table, even if another thread panicked while it held the lock.
pub(super) fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
