//! Pods to which no local port was free a moment ago.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::socket::start_connect;

/// How long no port is searched for after one was not found. The kernel's search takes 3 ms if all of its 28,232
/// default ports are in use (measured with Linux 6.18), in which a thread could serve others; meanwhile 47 of them
/// become free, if they were used evenly over the 60 s of `TIME_WAIT`.
const PAUSE: Duration = Duration::from_millis(100);

/// The pods to which a thread found no port.
#[derive(Debug, Default)]
pub(super) struct Ports {
    /// Each with the time from which to search again.
    used_up: Vec<(SocketAddr, Instant)>,
}

impl Ports {
    /// Starts to connect, unless the last search for a port to this address was in vain.
    pub(super) fn connect(&mut self, address: SocketAddr, now: Instant) -> io::Result<TcpStream> {
        self.connect_by(start_connect, address, now)
    }

    fn connect_by<T>(
        &mut self,
        connect: impl FnOnce(SocketAddr) -> io::Result<T>,
        address: SocketAddr,
        now: Instant,
    ) -> io::Result<T> {
        self.used_up.retain(|(_, until)| now < *until);
        if self.used_up.iter().any(|(pod, _)| *pod == address) {
            return Err(Errno::ADDRNOTAVAIL.into());
        }
        let connected = connect(address);
        if connected.as_ref().is_err_and(are_used_up) {
            self.used_up.push((address, now + PAUSE));
        }
        connected
    }
}

/// Whether every local port is in use for connections to one address; others can still be reached.
pub(super) fn are_used_up(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::ADDRNOTAVAIL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_to_one_address_are_not_searched_for_until_the_pause_is_over() {
        let pod = |last: u8| SocketAddr::from(([10, 0, 0, last], 80));
        let mut ports = Ports::default();
        let start = Instant::now();
        let mut searched = |pod: SocketAddr, after: Duration| {
            let mut searched = false;
            let search = |_| {
                searched = true;
                Err::<(), _>(Errno::ADDRNOTAVAIL.into())
            };
            let error = ports.connect_by(search, pod, start + after).unwrap_err();
            assert!(are_used_up(&error), "{error}");
            searched
        };
        assert!(searched(pod(1), Duration::ZERO));
        assert!(!searched(pod(1), PAUSE / 2));
        assert!(searched(pod(2), PAUSE / 2));
        // The pause is not prolonged by those who ask meanwhile.
        assert!(searched(pod(1), PAUSE));
    }
}
