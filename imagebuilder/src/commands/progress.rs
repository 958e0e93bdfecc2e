//! Shows the progress of pushes and copies: each blob and the total on a terminal, lines elsewhere.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cli::{Bytes, Printer, Progress};
use oci::Digest;
use oci::copy::Stored;

use super::context::Context;
use crate::registry::PublishEvent;

/// How often a terminal is refreshed.
const REFRESH: Duration = Duration::from_millis(100);

/// How often a line about the progress is written to a pipe.
const REPORT: Duration = Duration::from_secs(10);

/// The time over which the rate is averaged.
const WINDOW: Duration = Duration::from_secs(5);

/// The most blobs that a terminal shows; the other lines of 24 are for earlier output.
const MAX_BLOBS: usize = 8;

/// The width of the bar of a blob.
const BAR: usize = 24;

/// Shows the progress of `work`, which is passed a clock and a receiver of events.
pub(super) fn show<T>(
    context: &Context,
    work: impl FnOnce(&(dyn Fn() -> Duration + Sync), &(dyn Fn(PublishEvent) + Sync)) -> T,
) -> T {
    let printer = context.printer;
    let started = Instant::now();
    let elapsed = || started.elapsed();
    let screen = Mutex::new(Screen::default());
    let events = |event: PublishEvent| {
        let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.event(&event, elapsed(), printer);
    };
    let outcome = work(&elapsed, &events);
    printer.live(&[]);
    outcome
}

/// What is shown.
#[derive(Debug, Default)]
struct Screen {
    transfers: Transfers,
    /// When the progress was last shown.
    shown: Option<Duration>,
}

impl Screen {
    fn event(&mut self, event: &PublishEvent, now: Duration, printer: Printer) {
        self.transfers.event(event, now);
        let progress = printer.progress();
        match event {
            // Blobs that were already there are only counted at the end.
            PublishEvent::Blobs { .. }
            | PublishEvent::Blob {
                stored: Stored::Present,
                ..
            } => {}
            PublishEvent::Sending { .. } => {
                let pause = if progress == Progress::Tty {
                    REFRESH
                } else {
                    REPORT
                };
                // A short push has no line about its progress.
                let shown = *self.shown.get_or_insert(now);
                if now >= shown + pause {
                    self.shown = Some(now);
                    self.under_way(now, printer);
                }
            }
            _ => {
                if progress == Progress::Tty {
                    printer.status(&shortened(event));
                    self.under_way(now, printer);
                } else {
                    printer.status(&event.to_string());
                }
            }
        }
    }

    fn under_way(&mut self, now: Duration, printer: Printer) {
        if printer.progress() == Progress::Tty {
            let lines = self.transfers.lines(now, printer.size().columns);
            printer.live(&lines);
        } else if let Some(total) = self.transfers.total(now) {
            let fields = [
                ("sent_bytes", self.transfers.sent_bytes()),
                ("total_bytes", self.transfers.total_bytes),
            ];
            printer.progress_line(&total.line(), &fields);
        }
    }
}

/// The blobs that are being sent or were sent.
#[derive(Debug, Default)]
struct Transfers {
    /// The blobs being sent, with the bytes sent and their size, in the order of their start.
    under_way: Vec<(Digest, u64, u64)>,
    /// The number and size of the blobs that were sent.
    done_bytes: u64,
    done: u64,
    /// The number and size of the blobs that are not known to be there.
    blobs: u64,
    total_bytes: u64,
    /// The total sent at points in time.
    samples: VecDeque<(Duration, u64)>,
}

impl Transfers {
    fn event(&mut self, event: &PublishEvent, now: Duration) {
        match event {
            PublishEvent::Blobs { count, bytes } => {
                self.blobs += count;
                self.total_bytes += bytes;
            }
            PublishEvent::Sending {
                digest,
                sent_bytes,
                total_bytes,
            } => {
                let found = self.under_way.iter_mut().find(|blob| blob.0 == *digest);
                match found {
                    Some(blob) => blob.1 = *sent_bytes,
                    None => self.under_way.push((*digest, *sent_bytes, *total_bytes)),
                }
                self.sample(now);
            }
            PublishEvent::Blob {
                digest,
                size,
                stored,
            } => {
                if let Some(at) = self.under_way.iter().position(|blob| blob.0 == *digest) {
                    self.under_way.remove(at);
                }
                if *stored == Stored::Sent {
                    self.done += 1;
                    self.done_bytes += size;
                } else {
                    self.blobs = self.blobs.saturating_sub(1);
                    self.total_bytes = self.total_bytes.saturating_sub(*size);
                }
            }
            _ => {}
        }
    }

    fn sent_bytes(&self) -> u64 {
        self.done_bytes + self.under_way.iter().map(|blob| blob.1).sum::<u64>()
    }

    fn sample(&mut self, now: Duration) {
        let recent = self
            .samples
            .back()
            .is_some_and(|last| now < last.0 + REFRESH);
        if recent {
            return;
        }
        self.samples.push_back((now, self.sent_bytes()));
        while self.samples.len() > 2 && self.samples[1].0 + WINDOW < now {
            self.samples.pop_front();
        }
    }

    /// The bytes per second over the last seconds.
    fn rate(&self, now: Duration) -> Option<u64> {
        let (since, sent) = *self.samples.front()?;
        let millis = u64::try_from(now.saturating_sub(since).as_millis()).ok()?;
        // A blob that starts again reduces the total by what was sent of it.
        let bytes = self.sent_bytes().saturating_sub(sent);
        (millis > 0).then(|| bytes.saturating_mul(1000) / millis)
    }

    /// The total of all blobs; `None` if none is being sent.
    fn total(&self, now: Duration) -> Option<Total> {
        if self.under_way.is_empty() {
            return None;
        }
        let (sent, total) = (self.sent_bytes(), self.total_bytes.max(self.sent_bytes()));
        let rate = self.rate(now).filter(|rate| *rate > 0);
        let pace = rate.map(|rate| {
            let left = (total - sent).div_ceil(rate);
            format!("{}/s, {} left", Bytes(rate), clock(left))
        });
        Some(Total {
            done: self.done,
            blobs: self.blobs.max(self.done),
            bytes: format!("{} of {}", Bytes(sent), Bytes(total)),
            pace,
        })
    }

    /// A line for each blob, and one for all, in a terminal of this width.
    fn lines(&self, now: Duration, columns: usize) -> Vec<String> {
        let blob = |blob: &(Digest, u64, u64)| blob_line(blob, columns);
        let shown = self.under_way.iter().take(MAX_BLOBS).map(blob);
        let total = self.total(now).map(|total| total.fitted(columns));
        shown.chain(total).collect()
    }
}

/// The progress of all blobs.
struct Total {
    done: u64,
    blobs: u64,
    bytes: String,
    /// The rate and the time left, if they are known.
    pace: Option<String>,
}

impl Total {
    /// The whole line.
    fn line(&self) -> String {
        let Self {
            done, blobs, bytes, ..
        } = self;
        self.with_pace(format!("Sent {done} of {blobs} blobs, {bytes}"))
    }

    fn with_pace(&self, line: String) -> String {
        match &self.pace {
            Some(pace) => format!("{line}, {pace}"),
            None => line,
        }
    }

    /// The longest form that fits. The time left is kept to the last.
    fn fitted(&self, columns: usize) -> String {
        let Self {
            done, blobs, bytes, ..
        } = self;
        let forms = [
            self.line(),
            self.with_pace(format!("{done}/{blobs}, {bytes}")),
        ];
        let fitting = forms.into_iter().find(|line| line.len() <= columns);
        fitting.unwrap_or_else(|| self.pace.clone().unwrap_or_else(|| bytes.clone()))
    }
}

/// The line of a blob that is being sent: without its bar if that does not fit, and in the narrowest
/// terminals without its size.
fn blob_line((digest, sent, total): &(Digest, u64, u64), columns: usize) -> String {
    let filled = usize::try_from(sent * BAR as u64 / (*total).max(1)).unwrap_or(BAR);
    let bar = "#".repeat(filled.min(BAR)) + &".".repeat(BAR - filled.min(BAR));
    let percent = sent * 100 / (*total).max(1);
    let hex = short(digest);
    let bytes = format!("{:>10} of {}", Bytes(*sent), Bytes(*total));
    let narrowest = format!("{hex} {percent:>3} %");
    let forms = [
        format!("{hex} [{bar}] {percent:>3} %  {bytes}"),
        format!("{narrowest}  {bytes}"),
    ];
    let fitting = forms.into_iter().find(|line| line.len() <= columns);
    fitting.unwrap_or(narrowest)
}

/// The short form of a digest, as in other tools.
fn short(digest: &Digest) -> String {
    digest.hex()[..12].to_owned()
}

/// An event in a line of at most 80 columns, too few for a whole digest.
fn shortened(event: &PublishEvent) -> String {
    let text = event.to_string();
    match event {
        PublishEvent::Blob { digest, .. } => text.replace(&digest.to_string(), &short(digest)),
        _ => text,
    }
}

/// Human-readable seconds.
fn clock(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn sending(name: &[u8], sent: u64, total: u64) -> PublishEvent {
        PublishEvent::Sending {
            digest: Digest::of(name),
            sent_bytes: sent * MIB,
            total_bytes: total * MIB,
        }
    }

    fn stored(name: &[u8], size: u64, stored: Stored) -> PublishEvent {
        PublishEvent::Blob {
            digest: Digest::of(name),
            size: size * MIB,
            stored,
        }
    }

    #[test]
    fn a_line_for_each_blob_and_the_total() {
        let mut transfers = Transfers::default();
        let (count, bytes) = (4, 100 * MIB);
        transfers.event(&PublishEvent::Blobs { count, bytes }, second(0));
        transfers.event(&stored(b"there", 20, Stored::Present), second(0));
        transfers.event(&stored(b"mounted", 10, Stored::Mounted), second(0));
        transfers.event(&sending(b"a", 0, 50), second(0));
        transfers.event(&sending(b"b", 0, 20), second(0));
        transfers.event(&sending(b"a", 10, 50), second(2));
        transfers.event(&sending(b"b", 20, 20), second(2));
        transfers.event(&stored(b"b", 20, Stored::Sent), second(2));
        let check = |columns, expected: [&str; 2]| {
            assert_eq!(transfers.lines(second(2), columns), expected, "{columns}");
        };
        let bar = "ca978112ca1b [####....................]  20 %    10.0 MiB of 50.0 MiB";
        let total = "Sent 1 of 2 blobs, 30.0 MiB of 70.0 MiB, 15.0 MiB/s, 3 s left";
        check(80, [bar, total]);
        check(70, [bar, total]);
        let narrow = "ca978112ca1b  20 %    10.0 MiB of 50.0 MiB";
        check(61, [narrow, total]);
        check(
            60,
            [narrow, "1/2, 30.0 MiB of 70.0 MiB, 15.0 MiB/s, 3 s left"],
        );
        check(30, ["ca978112ca1b  20 %", "15.0 MiB/s, 3 s left"]);
    }

    #[test]
    fn a_blob_that_starts_again_reduces_the_total() {
        let mut transfers = Transfers::default();
        let (count, bytes) = (1, 100 * MIB);
        transfers.event(&PublishEvent::Blobs { count, bytes }, second(0));
        transfers.event(&sending(b"a", 60, 100), second(1));
        transfers.event(&sending(b"a", 10, 100), second(2));
        assert_eq!(transfers.sent_bytes(), 10 * MIB);
        let total = transfers.total(second(2)).unwrap();
        assert_eq!(total.line(), "Sent 0 of 1 blobs, 10.0 MiB of 100.0 MiB");
        assert_eq!(total.fitted(25), "10.0 MiB of 100.0 MiB");
        transfers.event(&stored(b"a", 100, Stored::Sent), second(3));
        assert!(transfers.total(second(3)).is_none());
        assert!(transfers.lines(second(3), 80).is_empty());
    }

    #[test]
    fn a_line_of_a_terminal_has_the_start_of_the_digest() {
        let line = shortened(&stored(b"a", 50, Stored::Sent));
        assert_eq!(line, "Sent ca978112ca1b: 50.0 MiB");
    }

    #[test]
    fn times_are_human_readable() {
        assert_eq!(clock(59), "59 s");
        assert_eq!(clock(61), "1 min 1 s");
        assert_eq!(clock(7260), "2 h 1 min");
    }
}
