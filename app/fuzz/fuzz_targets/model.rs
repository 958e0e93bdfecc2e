//! Several clients at once, which send in pieces, stall, read late, send large bodies and stop the
//! worker for longer than any deadline: each gets the responses that a plain model predicts, in order,
//! unless it is late itself, and the service keeps no trace of any.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports a failure")]

#[path = "../../tests/model/peer.rs"]
mod peer;
#[path = "../../tests/model/request.rs"]
mod request;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use app::Bound;
use app::settings::Settings;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use peer::{CLIENTS, Service, Step};
use request::Request;

/// Every deadline of the service.
const DEADLINE: Duration = Duration::from_millis(500);

/// The service's clock advances eight times in a deadline. A client is found late up to one step too
/// early, and one freeze counts as two steps.
const NEVER_LATE: Duration = Duration::from_millis(250);

/// Longer than the deadline.
const FROZEN: Duration = Duration::from_millis(550);

/// How long the service may take to close its side of all connections.
const HANG_LIMIT: Duration = Duration::from_secs(60);

/// Whether the worker is to stand still, and whether it does.
static STOP: AtomicBool = AtomicBool::new(false);
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Runs on the worker's thread, between any two of its instructions, so it must do nothing that a
/// signal handler may not.
extern "C" fn stand_still(_signal: libc::c_int) {
    STOPPED.store(true, Ordering::SeqCst);
    // Bounded: the thread that stops this one may itself wait for a lock of the allocator.
    for _ in 0..2 * FROZEN.as_millis() {
        if !STOP.load(Ordering::SeqCst) {
            break;
        }
        let time = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
        // SAFETY: nanosleep(2) may be called in a signal handler, and the pointers are valid.
        unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
    }
    STOPPED.store(false, Ordering::SeqCst);
}

/// A service in this process.
struct Here {
    public: u16,
    admin: SocketAddr,
    worker: libc::pid_t,
}

impl Here {
    fn get() -> &'static Self {
        static HERE: OnceLock<Here> = OnceLock::new();
        HERE.get_or_init(Self::start)
    }

    fn start() -> Self {
        let deadline = format!("{}ms", DEADLINE.as_millis());
        let variables = [
            ("APP_LISTEN", "0.0.0.0:0"),
            ("APP_ADMIN_LISTEN", "127.0.0.1:0"),
            ("APP_WORKERS", "1"),
            ("APP_LOG", "off"),
            ("APP_FIRST_HEAD_TIMEOUT", &deadline),
            ("APP_NEXT_HEAD_TIMEOUT", &deadline),
            ("APP_BODY_TIMEOUT", &deadline),
            ("APP_ANSWER_TIMEOUT", &deadline),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings::from_env(variables, "host").expect("the settings are right");
        let bound = Bound::bind(&settings).expect("loopback has a port");
        let (public, admin) = bound.addresses().expect("it is bound");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let never = std::future::pending;
            runtime.expect("a runtime").block_on(app::run(settings, bound, never(), never()))
        });
        let handler = stand_still as extern "C" fn(libc::c_int);
        // SAFETY: the handler has the signature that sigaction(2) requires, and is safe in a
        // signal.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGURG, &raw const action, std::ptr::null_mut());
        }
        let begun = Instant::now();
        loop {
            if let Some(worker) = thread("worker-0") {
                return Self { public: public.port(), admin, worker };
            }
            assert!(begun.elapsed() < HANG_LIMIT, "the worker does not start");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A figure of `/metrics`.
    fn metric(&self, name: &str) -> Option<u64> {
        let mut stream = TcpStream::connect(self.admin).expect("the admin listener accepts");
        let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it responds");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line?.trim().parse().ok()
    }
}

/// The id of the thread of this name.
fn thread(name: &str) -> Option<libc::pid_t> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    tasks.into_iter().find_map(|task| {
        let found = std::fs::read_to_string(task.path().join("comm")).ok()?;
        (found.trim() == name).then(|| task.file_name().to_str()?.parse().ok())?
    })
}

impl Service for Here {
    /// A new address of the loopback network each time, so that ports do not run out.
    fn address(&self) -> SocketAddr {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let host = 0x7f00_0001 + NEXT.fetch_add(1, Ordering::Relaxed) % 0xff_fffd;
        SocketAddr::from((Ipv4Addr::from_bits(host), self.public))
    }

    fn freeze(&self, during: &mut dyn FnMut()) -> Duration {
        STOP.store(true, Ordering::SeqCst);
        // SAFETY: a system call without pointers.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), self.worker, libc::SIGURG) };
        let begun = Instant::now();
        while !STOPPED.load(Ordering::SeqCst) {
            assert!(begun.elapsed() < HANG_LIMIT, "the worker does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
        let begun = Instant::now();
        during();
        std::thread::sleep(FROZEN.saturating_sub(begun.elapsed()));
        let is_stopped = STOPPED.load(Ordering::SeqCst);
        let stopped = begun.elapsed();
        STOP.store(false, Ordering::SeqCst);
        // On a busy machine the worker may have continued already.
        if is_stopped { stopped } else { Duration::ZERO }
    }

    fn deadline(&self) -> Duration {
        NEVER_LATE
    }
}

fn request(input: &mut Unstructured) -> Result<Request> {
    let length = match input.int_in_range(0..=4)? {
        0 => input.int_in_range(0..=100)?,
        1 => input.int_in_range(8_000..=8_400)?,
        2 => input.int_in_range(32_300..=33_000)?,
        3 => 100_000,
        _ => 400_000,
    };
    Ok(match input.int_in_range(0..=12)? {
        0 => Request::Greeting,
        1 => Request::Head,
        2 => Request::Info,
        3 => Request::Nothing,
        4 => Request::WrongMethod,
        5 | 6 => Request::Echo(length),
        7 => Request::Chunks(length),
        8 => Request::Last,
        9 => Request::Hop,
        10 => Request::UnreadBody,
        11 => Request::Malformed,
        _ => Request::InvalidHost,
    })
}

fn steps(input: &mut Unstructured) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut may_freeze = input.ratio(1, 8)?;
    while !input.is_empty() && steps.len() < 60 {
        let client = input.int_in_range(0..=CLIENTS - 1)?;
        steps.push(match input.int_in_range(0..=15)? {
            0..=5 => Step::Ask(client, request(input)?),
            6..=8 => Step::Send(client, input.int_in_range(1..=60)?),
            9..=11 => Step::Send(client, input.int_in_range(1_000..=200_000)?),
            12 | 13 => Step::Receive(client),
            14 => Step::Stall(Duration::from_millis(input.int_in_range(0..=20)?)),
            _ if may_freeze => {
                may_freeze = false;
                Step::Freeze(client)
            }
            _ => Step::Stall(Duration::from_millis(1)),
        });
    }
    Ok(steps)
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(steps) = steps(&mut Unstructured::new(bytes)) else {
        return;
    };
    let here = Here::get();
    peer::play(here, &steps);
    let begun = Instant::now();
    for name in ["app_requests_in_flight", "app_connections"] {
        while here.metric(name) != Some(0) {
            assert!(begun.elapsed() < HANG_LIMIT, "{name} is {:?}", here.metric(name));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
});
