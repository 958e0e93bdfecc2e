//! The epoll instance of a thread: its sockets are edge-triggered, and each is registered once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use super::slots::Key;

/// The most events that are taken from the kernel at once.
const BATCH: usize = 256;

/// One of the two sides of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Pod,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Client, Self::Pod];

    pub(super) fn other(self) -> Self {
        match self {
            Self::Client => Self::Pod,
            Self::Pod => Self::Client,
        }
    }
}

/// The source of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Another thread woke this one.
    Waker,
    /// A listener, by its number.
    Listener(u32),
    /// A connection.
    Connection(Key, Side),
}

/// Markers in the lower half of an event's data. A connection has its index there, shifted by one,
/// which is far lower.
const WAKER: u32 = u32::MAX;
const LISTENER: u32 = u32::MAX - 1;

impl Source {
    fn to_data(self) -> EventData {
        let (high, low) = match self {
            Self::Waker => (0, WAKER),
            Self::Listener(number) => (number, LISTENER),
            Self::Connection(key, side) => (
                key.generation,
                key.index << 1 | u32::from(side == Side::Pod),
            ),
        };
        EventData::new_u64(u64::from(high) << 32 | u64::from(low))
    }

    fn from_data(data: EventData) -> Self {
        let data = data.u64();
        let halves = (u32::try_from(data >> 32), u32::try_from(data & 0xffff_ffff));
        let (high, low) = (
            halves.0.expect("32 bits are left"),
            halves.1.expect("32 bits are left"),
        );
        match low {
            WAKER => Self::Waker,
            LISTENER => Self::Listener(high),
            _ => {
                let key = Key {
                    index: low >> 1,
                    generation: high,
                };
                let side = if low & 1 == 0 {
                    Side::Client
                } else {
                    Side::Pod
                };
                Self::Connection(key, side)
            }
        }
    }
}

/// The state of a socket that an event reports.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of epoll's, in any combination"
)]
pub(super) struct Ready {
    /// There may be something to read.
    pub(super) read: bool,
    /// It may be writable.
    pub(super) write: bool,
    /// Its peer has closed its sending side, so the next read may be the end.
    pub(super) end: bool,
    /// The connection has failed, or was refused.
    pub(super) failed: bool,
}

impl Ready {
    /// There may be more to read.
    pub(super) const READ: Self = Self {
        read: true,
        write: false,
        end: false,
        failed: false,
    };

    fn new(flags: EventFlags) -> Self {
        let any = |of: EventFlags| flags.intersects(of);
        let failed = any(EventFlags::ERR | EventFlags::HUP);
        let end = failed || any(EventFlags::RDHUP);
        Self {
            read: end || any(EventFlags::IN),
            write: any(EventFlags::OUT),
            end,
            failed,
        }
    }
}

/// An epoll instance, see epoll(7).
#[derive(Debug)]
pub(super) struct Poll(OwnedFd);

/// A batch of events. It stays on the thread that waits for them.
pub(super) struct Events(Vec<Event>);

impl Events {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(BATCH))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Source, Ready)> {
        self.0
            .iter()
            .map(|event| (Source::from_data(event.data), Ready::new(event.flags)))
    }
}

impl Poll {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Watches a file until it is closed.
    pub(super) fn add(&self, file: impl AsFd, source: Source) -> io::Result<()> {
        let mut flags = EventFlags::IN | EventFlags::ET;
        if matches!(source, Source::Connection(..)) {
            flags |= EventFlags::OUT | EventFlags::RDHUP;
        }
        epoll::add(&self.0, file, source.to_data(), flags)?;
        Ok(())
    }

    /// Waits for events, until the timeout if there is one.
    pub(super) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        events.0.clear();
        let timeout =
            timeout.map(|timeout| Timespec::try_from(timeout).expect("timeouts are seconds long"));
        let buffer = spare_capacity(&mut events.0);
        match epoll::wait(&self.0, buffer, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_of_an_event_round_trips_through_the_kernel() {
        let key = |index, generation| Key { index, generation };
        for source in [
            Source::Waker,
            Source::Listener(0),
            Source::Listener(7),
            Source::Connection(key(0, 0), Side::Client),
            Source::Connection(key(16_383, u32::MAX), Side::Pod),
        ] {
            assert_eq!(Source::from_data(source.to_data()), source);
        }
    }
}
