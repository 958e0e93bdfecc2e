//! The load that a fault puts on the process: resident memory and busy threads.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The load in force.
#[derive(Debug, Default)]
pub(crate) struct Load {
    memory: Mutex<Vec<u8>>,
    /// The number of busy threads; a thread with this number or a higher one stops.
    burning: Arc<AtomicUsize>,
}

/// Iterations between two checks whether to stop: well below a millisecond.
const TURNS: u64 = 100_000;

impl Load {
    /// Replaces the load in force.
    ///
    /// # Errors
    /// If the memory cannot be allocated or a thread cannot be started.
    pub(crate) fn set(&self, memory_bytes: usize, cpu: usize) -> Result<(), String> {
        let mut held = self
            .memory
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *held = Vec::new();
        held.try_reserve_exact(memory_bytes)
            .map_err(|error| error.to_string())?;
        // Not zero: the kernel allocates a zeroed page only when it is written to.
        held.resize(memory_bytes, 1);
        let before = self.burning.swap(cpu, Ordering::SeqCst);
        for number in before..cpu {
            let burning = Arc::clone(&self.burning);
            std::thread::Builder::new()
                .name(format!("burn-{number}"))
                .spawn(move || burn(&burning, number))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

fn burn(burning: &AtomicUsize, number: usize) {
    let mut value = number as u64;
    while number < burning.load(Ordering::Relaxed) {
        for _ in 0..TURNS {
            value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005) + 1);
        }
    }
}
