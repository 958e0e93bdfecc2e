//! A lock among the processes in a network namespace.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Error;

/// An abstract socket (`unix(7)`): it belongs to the network namespace, as links and routes do, leaves
/// no file, and the kernel frees it when its owner exits, however that happens.
const NAME: &[u8] = b"nodectl.dev/network";

/// The holder of the turn creates one bridge, which takes milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The turn, released when dropped.
pub(super) struct Turn(#[expect(dead_code, reason = "held for its name")] UnixListener);

impl Turn {
    /// Waits for the turn.
    ///
    /// # Errors
    /// [`Error::Setup`] if another process does not release it, or no socket can be created.
    pub(super) async fn take() -> Result<Self, Error> {
        let action = "wait for another nodectl to set up its network";
        let setup = |source| Error::Setup { action, source };
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let address = SocketAddr::from_abstract_name(NAME).map_err(setup)?;
            match UnixListener::bind_addr(&address) {
                Ok(socket) => return Ok(Self(socket)),
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline =>
                {
                    sleep(Duration::from_millis(5)).await;
                }
                Err(source) => return Err(setup(source)),
            }
        }
    }
}
