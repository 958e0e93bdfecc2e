//! The logs of pods: bounded, complete as long as the disk accepts writes, and never blocking the pods.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::containerd::{Inventory, Nodectl, manifest};
use rustix::process::{Pid, Signal, kill_process};

use crate::world::{World, answer, get, kill, make_pipe};

/// The name and address of the only pod, bypassing the load balancer.
fn only_pod(world: &World) -> (String, SocketAddr) {
    let pod = world.ps()["pods"][0].clone();
    let address = format!("{}:5000", pod["ip"].as_str().unwrap());
    let name = pod["name"].as_str().unwrap().to_owned();
    (name, address.parse().unwrap())
}

fn logs(world: &World, pod: &str, flags: &[&str]) -> String {
    let outcome = Nodectl::run(&world.daemon, &[&["logs", pod], flags].concat());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome.stdout
}

/// Reads the log until its last line is `line`: the writer is another process.
fn wait_for_last_line(world: &World, pod: &str, line: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut last = String::new();
    while Instant::now() < deadline {
        last = logs(world, pod, &["--tail", "1"]);
        if last == format!("{line}\n") {
            return;
        }
    }
    panic!("the last line is not `{line}`, but `{last}`");
}

/// The processes that write the logs of the world's containers.
fn writers(world: &World) -> Vec<u64> {
    let dir = world.daemon.dir().display().to_string();
    let is_one = |pid: &u64| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        command.contains("\0log-writer\0") && command.contains(&dir)
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(is_one)
        .collect()
}

/// The files of the only pod's log.
fn files(world: &World) -> Vec<PathBuf> {
    fn below(dir: PathBuf) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap().flatten();
        let all = entries.map(|entry| entry.path()).flat_map(|path| {
            if path.is_dir() {
                below(path)
            } else {
                vec![path]
            }
        });
        all.collect()
    }
    below(world.daemon.path("run/nodectl/logs/"))
}

#[test]
fn a_pod_that_writes_much_keeps_its_last_files_and_never_blocks() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let (pod, _) = only_pod(&world);
    // More than the log may hold: 6,500 lines of 10 kB.
    world.get("/print/6500/10000");
    let last = format!("6500 of 6500 {}", "x".repeat(10_000));
    wait_for_last_line(&world, &pod, &last);
    let sizes: Vec<_> = files(&world)
        .iter()
        .map(|path| fs::metadata(path).unwrap().len())
        .collect();
    assert_eq!(sizes.len(), 5, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= 10 << 20), "{sizes:?}");
    assert!(sizes.iter().sum::<u64>() > 35 << 20, "{sizes:?}");
    let all = logs(&world, &pod, &[]);
    let numbers: Vec<u32> = all
        .lines()
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(numbers[0] > 1, "the oldest lines are gone");
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1));
    assert_eq!(numbers.last(), Some(&6500));
    let json = logs(&world, &pod, &["--tail", "1", "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["stream"], "stdout");
    assert_eq!(json["text"], last);
    assert_eq!(logs(&world, &pod, &["--since", "2999-01-01T00:00:00Z"]), "");
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn a_full_disk_drops_lines_with_a_message_and_never_blocks_the_pod() {
    let world = World::new();
    let data = world.daemon.path("data");
    fs::create_dir(&data).unwrap();
    let mount = |options: &str| {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&data)
            .status();
        assert!(status.unwrap().success());
    };
    mount("size=1m");
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let (pod, _) = only_pod(&world);
    world.get("/print/300/10000");
    up.wait_for(&format!("pod {pod}: log of container web: "), 1);
    up.wait_for(" lost so far: No space left on device", 1);
    assert_eq!(world.get("/"), pod, "it answers");
    mount("remount,size=100m");
    world.get("/print/1/1");
    up.wait_for("log of container web resumed; ", 1);
    wait_for_last_line(&world, &pod, "1 of 1 x");
    let all = logs(&world, &pod, &[]);
    let note = all.lines().find(|line| line.starts_with("[nodectl: "));
    assert!(
        note.is_some_and(|note| note.contains(" were dropped here: No space")),
        "{note:?}"
    );
    let whole = |line: &str| line.len() > 10_000 || line.len() < 200;
    assert!(all.lines().all(whole), "a line is cut");
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    let mut after = Inventory::take(&world.daemon);
    // nodectl does not own the mount point.
    after.state.retain(|path| *path != data);
    assert_eq!(after, before);
    let unmounted = Command::new("umount").arg(&data).status();
    assert!(unmounted.unwrap().success());
}

#[test]
fn a_disk_that_hangs_drops_lines_and_never_blocks_the_pod() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let (pod, address) = only_pod(&world);
    // The next container's log is a pipe, which blocks until it is read.
    let first = files(&world).pop().unwrap();
    let disk = first.with_file_name("1.log");
    make_pipe(&disk);
    get(address, "/exit/0");
    up.wait_for("all ready: 1 pod", 2);
    // More than the pipes and the writer buffer; the response comes once all of it is written.
    let printed = answer(address, "/print/500/10000");
    assert!(printed.starts_with("HTTP/1.1 200 "), "{printed}");
    up.wait_for(&format!("pod {pod}: log of container web: "), 1);
    up.wait_for(" lost so far: the disk has accepted nothing", 1);
    // Once the disk accepts writes again, the log continues and reports the dropped lines.
    let disk = fs::File::open(&disk).unwrap();
    let mut lines = BufReader::new(disk).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.ends_with(": starting"), "{first}");
    let mut printed = 0;
    let note = loop {
        get(address, "/print/1/1");
        let line = lines.next().unwrap();
        if line.contains("[nodectl: ") {
            break line;
        }
        printed += usize::from(line.contains(" of 500 "));
    };
    assert!(
        note.contains(" were dropped here: the disk has accepted"),
        "{note}"
    );
    assert!(printed < 500, "{printed} lines are there");
    up.wait_for("log of container web resumed; ", 1);
    assert!(lines.any(|line| line.ends_with(" 1 of 1 x")));
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
}

#[test]
fn a_disk_that_is_slower_than_the_pod_drops_nothing() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let (_, address) = only_pod(&world);
    let disk = files(&world).pop().unwrap().with_file_name("1.log");
    make_pipe(&disk);
    let reader = std::thread::spawn(move || {
        let mut lines = BufReader::with_capacity(4096, fs::File::open(&disk).unwrap()).lines();
        for number in 1..=900 {
            let expected = format!(" {number} of 900 ");
            let line = lines.find(|line| line.as_ref().unwrap().contains(" of 900 "));
            assert!(line.unwrap().unwrap().contains(&expected), "{expected}");
            std::thread::sleep(Duration::from_millis(1));
        }
        // The rest is only read so that the writer does not block.
        lines.for_each(drop);
    });
    get(address, "/exit/0");
    up.wait_for("all ready: 1 pod", 2);
    let printed = answer(address, "/print/900/10000");
    assert!(printed.starts_with("HTTP/1.1 200 "), "{printed}");
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    reader.join().unwrap();
}

#[test]
fn a_killed_writer_is_replaced_and_the_container_does_not_notice() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let (pod, address) = only_pod(&world);
    let running = world.running();
    let printed = format!("pod {pod}: log of container web: its writer was killed");
    for round in 1..=2 {
        let [writer] = writers(&world)[..] else {
            panic!("there is one writer");
        };
        kill(writer);
        // More than its pipe buffers.
        world.get("/print/20/10000");
        up.wait_for(&printed, round);
        wait_for_last_line(&world, &pod, &format!("20 of 20 {}", "x".repeat(10_000)));
    }
    // Without nodectl, lines are lost until the next nodectl replaces the writer.
    up.signal(Signal::KILL);
    up.wait();
    kill(writers(&world)[0]);
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for(&printed, 1);
    up.wait_for("all ready: 1 pod", 1);
    get(address, "/print/3/1");
    wait_for_last_line(&world, &pod, "3 of 3 x");
    assert_eq!(
        world.running(),
        running,
        "the container was not started again"
    );
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn a_log_is_written_without_nodectl_and_across_a_restart_of_containerd() {
    let mut world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let (pod, address) = only_pod(&world);
    up.signal(Signal::KILL);
    up.wait();
    world.daemon.restart(Duration::ZERO);
    get(address, "/print/2/1");
    wait_for_last_line(&world, &pod, "2 of 2 x");
    world.down();
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn following_a_log_continues_across_rotations_until_the_pod_is_gone() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let (pod, _) = only_pod(&world);
    let mut follow = Nodectl::spawn(&world.daemon, &["logs", &pod, "-f", "--tail", "1"]);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), format!("{pod}: listening"));
    for _ in 0..2 {
        world.get("/print/1500/10000");
        for number in 1..=1500 {
            let line = lines.next().unwrap().unwrap();
            assert!(line.starts_with(&format!("{number} of 1500 ")), "{line}");
        }
    }
    assert!(files(&world).len() > 1);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(lines.last().unwrap().unwrap(), "terminated");
    assert_eq!(follow.wait().unwrap().code(), Some(0));
    // Ctrl-C stops following too.
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let (pod, _) = only_pod(&world);
    let mut follow = Nodectl::spawn(&world.daemon, &["logs", &pod, "-f"]);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    world.get("/print/1/1");
    assert!(lines.any(|line| line.unwrap() == "1 of 1 x"));
    kill_process(Pid::from_child(&follow), Signal::INT).unwrap();
    assert_eq!(follow.wait().unwrap().code(), Some(130));
}
