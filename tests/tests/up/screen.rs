//! The table of `up` on a terminal.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::containerd::{Inventory, Nodectl, manifest};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::world::World;

/// More rows than are written here.
const SCROLLBACK: usize = 1000;

/// A pseudoterminal and its screen.
struct Terminal {
    /// Closing it hangs up the terminal.
    master: File,
    shown: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Opens a terminal of a size, and returns the end that a program writes to.
    fn open(rows: u16, columns: u16) -> (Self, OwnedFd) {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let nonzero = |length: u16| length.try_into().unwrap();
        let shown = vt100::Parser::new(nonzero(rows), nonzero(columns), SCROLLBACK);
        let terminal = Self {
            master: File::from(master),
            shown: Arc::new(Mutex::new(shown)),
        };
        (terminal, slave.into())
    }

    /// Reads until `is_enough` returns true for all rows, scrollback first.
    fn read_until(&mut self, mut is_enough: impl FnMut(&[String]) -> bool) -> Vec<String> {
        let deadline = Instant::now() + Duration::from_mins(2);
        let mut bytes = [0; 4096];
        loop {
            let length = self.master.read(&mut bytes).unwrap();
            let mut shown = self.shown.lock().unwrap();
            shown.process(&bytes[..length]);
            let rows = rows(&mut shown);
            if is_enough(&rows) {
                return rows;
            }
            assert!(Instant::now() < deadline, "{}", rows.join("\n"));
        }
    }
}

/// All rows of a terminal, scrollback first.
fn rows(shown: &mut vt100::Parser) -> Vec<String> {
    let screen = shown.screen_mut();
    let columns = u16::from(screen.size().1);
    screen.set_scrollback(usize::MAX);
    let mut all = Vec::new();
    for offset in (1..=screen.scrollback()).rev() {
        screen.set_scrollback(offset);
        all.extend(screen.rows(0, columns).next());
    }
    screen.set_scrollback(0);
    all.extend(screen.rows(0, columns));
    all
}

/// Rows of the table, as opposed to lines about events.
fn heads(rows: &[String]) -> usize {
    rows.iter().filter(|row| row.starts_with("POD ")).count()
}

#[test]
fn a_table_is_drawn_over_the_last_one_and_a_hang_up_stops_the_pods() {
    // The table fits, is as high as the terminal, and is higher.
    for (height, pods) in [(24, 3), (8, 4), (6, 6)] {
        let world = World::new();
        let before = Inventory::take(&world.daemon);
        let publish = world.publish();
        let args = ["--images", &world.layout, "--publish", &publish];
        let (mut terminal, slave) = Terminal::open(height, 80);
        let mut up = Nodectl::up_on(&world.daemon, slave, &manifest(pods, &[]), &args);
        let ready = format!("all ready: {pods} pods");
        terminal.read_until(|rows| rows.iter().any(|row| row.contains(&ready)));
        // The age of the first pod changes each second.
        let mut ages = std::collections::BTreeSet::new();
        let rows = terminal.read_until(|rows| {
            let pod = rows.iter().find(|row| row.contains(" 1/1 "));
            ages.extend(pod.cloned());
            ages.len() > 4
        });
        assert_eq!(heads(&rows), 1, "{}", rows.join("\n"));
        let of_pods = rows.iter().filter(|row| row.contains(" 1/1 ")).count();
        let pods = usize::try_from(pods).unwrap();
        assert!((1..=pods).contains(&of_pods), "{}", rows.join("\n"));
        drop(terminal);
        assert_eq!(up.wait().unwrap().code(), Some(130));
        assert_eq!(Inventory::take(&world.daemon), before);
    }
}
