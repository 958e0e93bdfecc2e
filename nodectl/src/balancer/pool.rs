//! The pods behind one port, and the selection among them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::wake::Waker;

/// A pod's port.
#[derive(Debug)]
pub struct Target {
    /// The pod.
    pub pod: String,
    /// The address where it listens.
    pub address: SocketAddr,
    /// Open connections.
    active: AtomicUsize,
}

/// A connection's place at a target, released when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Target>);

impl Place {
    pub(super) fn target(&self) -> &Arc<Target> {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The ready pods behind one port. Shared; changes take effect for the next connection.
#[derive(Debug, Default)]
pub struct Pool {
    targets: Mutex<Vec<Arc<Target>>>,
    turn: AtomicUsize,
    /// Threads that may hold clients until there is a pod.
    threads: Mutex<Vec<Weak<Waker>>>,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Target>>> {
        // No holder of the lock leaves it inconsistent.
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the targets. Those that remain keep their connection counts.
    pub fn set(&self, wanted: &[(String, SocketAddr)]) {
        let mut targets = self.lock();
        let next: Vec<_> = wanted
            .iter()
            .map(|(pod, address)| {
                let same = |target: &&Arc<Target>| target.pod == *pod && target.address == *address;
                targets.iter().find(same).cloned().unwrap_or_else(|| {
                    let active = AtomicUsize::new(0);
                    Arc::new(Target {
                        pod: pod.clone(),
                        address: *address,
                        active,
                    })
                })
            })
            .collect();
        *targets = next;
        drop(targets);
        let threads = self.threads.lock();
        for thread in threads.unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(waker) = thread.upgrade() {
                waker.wake();
            }
        }
    }

    /// The current targets.
    pub fn targets(&self) -> Vec<Arc<Target>> {
        self.lock().clone()
    }

    /// Whether a pod at this address is ready.
    pub(super) fn contains(&self, address: SocketAddr) -> bool {
        self.lock().iter().any(|target| target.address == address)
    }

    /// The target with the fewest connections that has not been tried yet; ties are broken in turn.
    pub(super) fn pick(&self, tried: &[SocketAddr]) -> Option<Place> {
        let targets = self.lock();
        if targets.is_empty() {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % targets.len();
        let in_turn = targets[turn..].iter().chain(&targets[..turn]);
        let target = in_turn
            .filter(|target| !tried.contains(&target.address))
            .min_by_key(|target| target.active.load(Ordering::Relaxed))?;
        target.active.fetch_add(1, Ordering::Relaxed);
        Some(Place(Arc::clone(target)))
    }

    /// Wakes a thread at each change from now on.
    pub(super) fn wake_on_change(&self, thread: &Arc<Waker>) {
        let threads = self.threads.lock();
        let mut threads = threads.unwrap_or_else(PoisonError::into_inner);
        threads.push(Arc::downgrade(thread));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 80))
    }

    #[test]
    fn the_least_busy_target_is_picked_and_equals_take_turns() {
        let pool = Pool::default();
        assert!(pool.pick(&[]).is_none());
        pool.set(&[
            ("a".into(), address(1)),
            ("b".into(), address(2)),
            ("c".into(), address(3)),
        ]);
        let first: Vec<_> = (0..3).map(|_| pool.pick(&[]).unwrap()).collect();
        let mut pods: Vec<_> = first
            .iter()
            .map(|place| place.target().pod.clone())
            .collect();
        pods.sort();
        assert_eq!(pods, ["a", "b", "c"]);
        drop(first);
        let busy = pool.pick(&[address(2), address(3)]).unwrap();
        assert_eq!(busy.target().pod, "a");
        assert!((0..10).all(|_| pool.pick(&[]).unwrap().target().pod != "a"));
        assert!(pool.pick(&[address(1), address(2), address(3)]).is_none());
    }

    #[test]
    fn a_target_that_stays_keeps_its_connections() {
        let pool = Pool::default();
        pool.set(&[("a".into(), address(1)), ("b".into(), address(2))]);
        let _busy = pool.pick(&[address(2)]).unwrap();
        pool.set(&[("a".into(), address(1)), ("c".into(), address(3))]);
        assert_eq!(pool.pick(&[]).unwrap().target().pod, "c");
    }
}
