//! The minimum of work of a server on one core: epoll, one read, and one write of the same bytes,
//! whatever was read. Anything above it is the cost of the service.
//!
//! `floor ADDRESS:PORT FILE` answers every read with the file's bytes, and closes the connection if
//! they say `connection: close`.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;

use anyhow::Context as _;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

/// The listener's number among the events; connections have that of their descriptor.
const LISTENER: u64 = u64::MAX;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments
        .next()
        .context("the first argument is the address to listen on")?;
    let file = arguments
        .next()
        .context("the second argument is the file with the answer")?;
    let answer = std::fs::read(&file).with_context(|| format!("cannot read {file}"))?;
    let close = b"\r\nconnection: close\r\n";
    let closes = answer.windows(close.len()).any(|part| part == close);
    let listener = TcpListener::bind(&address).with_context(|| format!("cannot bind {address}"))?;
    listener.set_nonblocking(true)?;

    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let mut connections: HashMap<u64, TcpStream> = HashMap::new();
    let mut events = Vec::with_capacity(256);
    let mut buffer = [0; 4096];
    loop {
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for events"),
        }
        for event in events.drain(..) {
            let number = event.data.u64();
            if number == LISTENER {
                while let Some(stream) = accept(&listener)? {
                    let number = u64::try_from(stream.as_raw_fd())?;
                    epoll::add(&epoll, &stream, EventData::new_u64(number), EventFlags::IN)?;
                    connections.insert(number, stream);
                }
            } else if let Some(stream) = connections.get_mut(&number)
                && (!serve(stream, &mut buffer, &answer) || closes)
            {
                connections.remove(&number);
            }
        }
    }
}

fn accept(listener: &TcpListener) -> anyhow::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok(Some(stream))
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error).context("cannot accept"),
    }
}

/// Reads once and writes once; false when the connection is closed, or when the response does not
/// fit into the socket's buffer, which no response here exceeds.
fn serve(stream: &mut TcpStream, buffer: &mut [u8], answer: &[u8]) -> bool {
    match stream.read(buffer) {
        Ok(0) => false,
        Ok(_) => stream
            .write(answer)
            .is_ok_and(|count| count == answer.len()),
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}
