//! The lifecycle of a pod: `Starting → Ready → Draining → Stopped`. Everything that behaves differently
//! while draining reads it here.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// A state in the lifecycle of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// The ports are bound, the workers are not running yet.
    Starting,
    /// The pod accepts requests.
    Ready,
    /// Requests are still served, but readiness fails.
    Draining,
    /// The listener is closed, and every request is answered or cut.
    Stopped,
}

impl State {
    /// Every state, in order.
    pub const ALL: [Self; 4] = [Self::Starting, Self::Ready, Self::Draining, Self::Stopped];

    /// The state's name in `/info`, logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// The result of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainResult {
    /// Every request that was accepted has been answered.
    Complete,
    /// The deadline passed first and cut this many requests.
    Cut(u64),
}

/// The state machine. It only moves forward.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    /// An atomic and no lock, because every request reads it.
    state: AtomicU8,
}

impl Lifecycle {
    /// The state now.
    pub(crate) fn state(&self) -> State {
        State::ALL[usize::from(self.state.load(Ordering::Relaxed)).min(State::ALL.len() - 1)]
    }

    /// Advances to `state`. Returns whether this call did; a step back has no effect.
    pub(crate) fn advance(&self, state: State) -> bool {
        self.state.fetch_max(state as u8, Ordering::SeqCst) < state as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_only_moves_forward() {
        let life = Lifecycle::default();
        assert_eq!(life.state(), State::Starting);
        assert!(life.advance(State::Ready));
        assert!(!life.advance(State::Ready));
        assert!(life.advance(State::Draining));
        assert!(
            !life.advance(State::Ready),
            "a pod that drains never becomes ready again"
        );
        assert_eq!(life.state(), State::Draining);
        assert!(life.advance(State::Stopped));
        assert_eq!(life.state(), State::Stopped);
    }
}
