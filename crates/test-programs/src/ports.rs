//! A port for a program that a test starts.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the kernel gives to connections, which begin at 32,768 unless
/// `net.ipv4.ip_local_port_range` is set, and below those of Kubernetes' Services, which begin at 30,000.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// How many ports a process tries before it tries those of the next.
const BLOCK: u32 = 64;

/// A TCP port of the loopback interface that nobody uses, different at each call.
///
/// The kernel's own choice is unsuitable for a program that binds it later: until then any connection can be
/// given the port. A client that waits for the program can even connect to itself, from that port to that port.
///
/// # Panics
/// When every port is in use.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = process::id().wrapping_mul(BLOCK) % u32::from(COUNT);
    let first = u16::try_from(first).expect("it is below the count");
    (0..COUNT)
        .map(|_| FIRST + (first + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_the_kernel_gives_them_to_nobody() {
        let ports = [free_port(), free_port(), free_port()];
        assert!(
            ports.iter().all(|port| (FIRST..30_000).contains(port)),
            "{ports:?}"
        );
        assert!(ports[0] != ports[1] && ports[1] != ports[2], "{ports:?}");
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let port = free_port();
        // The next one, unless somebody else uses it.
        let taken = TcpListener::bind(("127.0.0.1", port + 1));
        assert_ne!(free_port(), port + 1);
        drop(taken);
    }
}
