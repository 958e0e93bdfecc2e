//! Headless Chromium, driven by the `DevTools` protocol over a pair of pipes.
//!
//! The protocol: <https://chromedevtools.github.io/devtools-protocol/>. Over pipes, a message is JSON
//! followed by a null byte; Chromium reads from descriptor 3 and writes to descriptor 4.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A limit against a hung browser, far above what a busy machine needs.
const TIMEOUT: Duration = Duration::from_mins(3);

/// Moves the standard streams to the descriptors that Chromium expects.
const SWAP: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >&2"#;

/// A running browser without a window. Dropping it stops the process.
pub(crate) struct Chromium {
    child: Child,
    commands: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Events that arrived while a reply was awaited.
    events: VecDeque<Value>,
    log: Option<JoinHandle<String>>,
    next_id: u64,
    _profile: tempfile::TempDir,
}

impl Chromium {
    pub(crate) fn launch() -> Self {
        let profile = tempfile::tempdir().expect("a directory");
        let mut child = Command::new("sh")
            .args(["-c", SWAP, "sh", "chromium"])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let commands = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut stderr = child.stderr.take().expect("it is piped");
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while stdout
                .read_until(0, &mut message)
                .is_ok_and(|read| read > 0)
            {
                message.pop();
                let value = serde_json::from_slice(&message).expect("Chromium writes JSON");
                message.clear();
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        let log = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self {
            child,
            commands,
            messages,
            events: VecDeque::new(),
            log: Some(log),
            next_id: 0,
            _profile: profile,
        }
    }

    /// Calls a method and returns its result.
    pub(crate) fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let pipe = self.commands.as_mut().expect("open until the drop");
        if let Err(error) = pipe.write_all(&bytes) {
            panic!("{method}: {error}: {}", self.stop());
        }
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let message = self.receive(method, deadline);
            if message["id"] != id {
                self.events.push_back(message);
                continue;
            }
            assert!(message["error"].is_null(), "{method}: {}", message["error"]);
            return message["result"].clone();
        }
    }

    /// Waits for an event and removes it, with the earlier ones of the same name.
    pub(crate) fn wait_for(&mut self, event: &str) {
        let deadline = Instant::now() + TIMEOUT;
        while !self.events.iter().any(|seen| seen["method"] == event) {
            let message = self.receive(event, deadline);
            self.events.push_back(message);
        }
        self.events.retain(|seen| seen["method"] != event);
    }

    /// The events that have arrived and were not waited for.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Value> {
        self.events.iter()
    }

    fn receive(&mut self, awaited: &str, deadline: Instant) -> Value {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.messages.recv_timeout(left) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => panic!("{awaited}: no answer within {TIMEOUT:?}"),
            Err(RecvTimeoutError::Disconnected) => {
                panic!(
                    "{awaited}: Chromium exited (apt-get install chromium): {}",
                    self.stop()
                )
            }
        }
    }

    /// Stops the process and returns what it wrote to stderr.
    fn stop(&mut self) -> String {
        // Chromium exits when the pipe closes; killing covers a hung one.
        drop(self.commands.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.log
            .take()
            .and_then(|log| log.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let Some(pipe) = self.commands.as_mut() else {
            return;
        };
        let _ = pipe.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        // The channel disconnects when Chromium has closed its end of the pipe.
        let deadline = Instant::now() + Duration::from_secs(20);
        while self
            .messages
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .is_ok()
        {}
        self.stop();
    }
}
