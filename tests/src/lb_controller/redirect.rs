//! An ALB's listener for HTTP that redirects each request to its listener for HTTPS.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a client may take for its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A listener on port 80. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Redirect {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Redirect {
    /// Listens beside the listener for HTTPS, whose address is given.
    pub(super) fn listen(https: SocketAddr) -> io::Result<Self> {
        let address = SocketAddr::new(https.ip(), 80);
        let listener = TcpListener::bind(address)?;
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let thread = std::thread::Builder::new()
            .name("lb-redirect".into())
            .spawn(move || {
                for client in listener.incoming() {
                    if flag.load(Ordering::SeqCst) {
                        return;
                    }
                    // A client that disconnects early is ignored.
                    let _ = client.and_then(|client| redirect(&client, https.port()));
                }
            })?;
        Ok(Self {
            address,
            stopped,
            thread: Some(thread),
        })
    }
}

impl Drop for Redirect {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Its thread waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn redirect(mut client: &TcpStream, port: u16) -> io::Result<()> {
    client.set_read_timeout(Some(REQUEST_TIMEOUT))?;
    let (mut path, mut host) = (String::new(), String::new());
    for (number, line) in BufReader::new(client).lines().enumerate() {
        let line = line?;
        if number == 0 {
            line.split(' ').nth(1).unwrap_or("/").clone_into(&mut path);
        } else if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("host")
        {
            let without_port = value.trim().split(':').next();
            without_port.unwrap_or_default().clone_into(&mut host);
        } else if line.is_empty() {
            break;
        }
    }
    write!(
        client,
        "HTTP/1.1 301 Moved Permanently\r\nLocation: https://{host}:{port}{path}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    )
}
