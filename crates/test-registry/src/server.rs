//! Connections and faults, and the API for tests.

use std::io::{self, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::gate::{Gate, Gated};
use crate::handle::handle;
use crate::http::{Head, Response, body, head};
use crate::state::{Action, Behaviour, Fault, Seen, State};
use oci::{Digest, Reference};

/// How long [`Action::Gather`] waits.
const GATHER: Duration = Duration::from_secs(30);

/// A registry on a port of this machine, until it is dropped.
#[derive(Debug)]
pub struct TestRegistry {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    gate: Arc<Gate>,
    stop: Arc<AtomicBool>,
}

impl TestRegistry {
    /// Starts one.
    ///
    /// # Panics
    /// When no port of this machine can be listened on.
    pub fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a test machine has a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(Mutex::new(State {
            behaviour,
            ..State::default()
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&state), Arc::clone(&stop));
        let gate = Arc::new(Gate::default());
        let shared_gate = Arc::clone(&gate);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (state, gate) = (Arc::clone(&shared), Arc::clone(&shared_gate));
                thread::spawn(move || serve(&stream, address, &state, gate));
            }
        });
        Self {
            address,
            state,
            gate,
            stop,
        }
    }

    /// The bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.gate.bytes_read()
    }

    /// Stops reading from all connections after `bytes` in total.
    pub fn stop_reading_after(&self, bytes: u64) {
        self.gate.stop_after(bytes);
    }

    /// Whether a connection has reached that limit, with or without more bytes to read.
    pub fn has_stopped_reading(&self) -> bool {
        self.gate.has_stopped()
    }

    /// Resumes reading.
    pub fn resume_reading(&self) {
        self.gate.open();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The name of a repository in it.
    ///
    /// # Panics
    /// When `repository` is not a name.
    pub fn reference(&self, repository: &str) -> Reference {
        format!("{}/{repository}", self.address)
            .parse()
            .expect("it is a repository's name")
    }

    /// Injects a fault.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// How many requests the pending faults still apply to.
    pub fn faults_left(&self) -> u32 {
        self.state().faults.iter().map(|fault| fault.times).sum()
    }

    /// The requests received so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// The tags and digests that manifests and indexes were sent by so far.
    pub fn manifest_puts(&self) -> Vec<String> {
        let seen = self.seen().into_iter();
        seen.filter(|seen| seen.method == "PUT" && seen.path.contains("/manifests/"))
            .map(|seen| seen.path.rsplit('/').next().unwrap_or_default().to_owned())
            .collect()
    }

    /// Clears the list of received requests.
    pub fn forget(&self) {
        self.state().seen.clear();
    }

    /// The digest that a tag refers to.
    pub fn tag(&self, repository: &str, tag: &str) -> Option<Digest> {
        self.state()
            .tags
            .get(&(repository.to_owned(), tag.to_owned()))
            .copied()
    }

    /// The bytes of a manifest or index.
    pub fn manifest(&self, repository: &str, digest: Digest) -> Option<Vec<u8>> {
        self.state()
            .manifests
            .get(&(repository.to_owned(), digest))
            .map(|(_, bytes)| bytes.clone())
    }

    /// The bytes of a blob.
    pub fn blob(&self, digest: Digest) -> Option<Vec<u8>> {
        self.state().blobs.get(&digest).cloned()
    }

    /// How many requests were answered with 429.
    pub fn refused_rates(&self) -> u32 {
        self.state().refused_rates
    }

    /// Stores a blob in all repositories.
    pub fn put_blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.state().blobs.insert(digest, bytes.to_vec());
        digest
    }

    /// Creates a repository, in a registry where only some exist.
    pub fn create_repository(&self, name: &str) {
        let mut state = self.state();
        state
            .behaviour
            .repositories
            .get_or_insert_default()
            .insert(name.to_owned());
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, address: SocketAddr, state: &Mutex<State>, gate: Arc<Gate>) {
    // A test closes connections on purpose, or when it stops.
    let _ = requests(stream, address, state, gate);
    let _ = stream.shutdown(Shutdown::Both);
}

fn requests(
    stream: &TcpStream,
    address: SocketAddr,
    state: &Mutex<State>,
    gate: Arc<Gate>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let inner = stream.try_clone()?;
    let mut reader = BufReader::new(Gated { inner, gate });
    let mut stream = stream.try_clone()?;
    while let Some(head) = head(&mut reader)? {
        let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = lock().fault(&head.method, &head.path);
        if let Some(Action::CutRequest(bytes)) = fault {
            body(&mut reader, &head, bytes)?;
            lock().seen.push(seen(&head, bytes));
            return Ok(());
        }
        let body = body(&mut reader, &head, u64::MAX)?;
        if let Some(Action::Gather(count)) = fault {
            lock().gathered += 1;
            let begun = Instant::now();
            while lock().gathered < count {
                if begun.elapsed() > GATHER {
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
        let mut state = lock();
        state.seen.push(seen(&head, body.len() as u64));
        if matches!(fault, Some(Action::EndTokens)) {
            state.tokens.clear();
        }
        let mut response = match &fault {
            Some(Action::Respond(status, headers, body)) => Response {
                headers: headers.clone(),
                ..Response::new(*status).body(body.as_bytes().to_vec())
            },
            Some(Action::LoseWrite) => Response::new(201),
            _ => handle(&mut state, &head, &body, address),
        };
        drop(state);
        match fault {
            Some(Action::CutResponse) => return Ok(()),
            Some(Action::DamageBody) => {
                if let Some(byte) = response.body.first_mut() {
                    *byte ^= 1;
                }
            }
            Some(Action::OtherDigest) => {
                response
                    .headers
                    .retain(|(name, _)| *name != "docker-content-digest");
                response = response.header("docker-content-digest", Digest::of(b"other"));
            }
            Some(Action::StaleRange) => {
                response.headers.retain(|(name, _)| *name != "range");
                response = response.header("range", "0-0");
            }
            Some(Action::WrongLength) => response.length = Some(response.body.len() + 1),
            Some(Action::NoLocation) => response.headers.retain(|(name, _)| *name != "location"),
            _ => {}
        }
        let cut = matches!(fault, Some(Action::CutBody));
        let no_body = head.method == "HEAD";
        if matches!(fault, Some(Action::Trickle)) {
            let mut whole = Vec::new();
            response.write(&mut whole, no_body, cut)?;
            for piece in whole.chunks(16) {
                stream.write_all(piece)?;
                stream.flush()?;
            }
        } else {
            response.write(&mut stream, no_body, cut)?;
        }
        if cut || matches!(fault, Some(Action::WrongLength)) {
            return Ok(());
        }
    }
    Ok(())
}

fn seen(head: &Head, body_bytes: u64) -> Seen {
    Seen {
        method: head.method.clone(),
        path: head.path.clone(),
        query: head.query.clone(),
        authorization: head.header("authorization").map(str::to_owned),
        content_range: head.header("content-range").map(str::to_owned),
        body_bytes,
    }
}
