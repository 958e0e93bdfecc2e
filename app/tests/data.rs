//! Files on volumes: the greeting of a `ConfigMap`, and the visit counter that pods share.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::{App, signal, wait};

/// Updates a volume as the kubelet does: a new directory, and `..data` renamed over.
fn swap(volume: &Path, version: &str, greeting: &str) {
    let directory = volume.join(format!("..{version}"));
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("greeting"), greeting).unwrap();
    symlink(format!("..{version}"), volume.join("..data_tmp")).unwrap();
    fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
}

#[test]
fn an_updated_config_map_takes_effect_and_an_invalid_one_is_ignored() {
    let volume = tempfile::tempdir().unwrap();
    swap(volume.path(), "v1", "first\n");
    symlink("..data/greeting", volume.path().join("greeting")).unwrap();
    let file = volume.path().join("greeting");
    let app = App::start(&[("APP_GREETING_FILE", file.to_str().unwrap())]);
    assert_eq!(
        app.get("/").body,
        "first\n",
        "it is there from the first request"
    );
    swap(volume.path(), "v2", "second <b>");
    wait("the second", || {
        (app.get("/").body == "second <b>\n").then_some(())
    });
    let page = app.request("GET / HTTP/1.1\r\nhost: x\r\naccept: text/html\r\n\r\n");
    assert!(page.body.contains("second &lt;b&gt;"));
    swap(volume.path(), "v3", "\u{1b}[2J");
    app.wait_for_log("greeting file ignored");
    assert_eq!(app.get("/").body, "second <b>\n");
    fs::remove_file(volume.path().join("..data")).unwrap();
    wait("another warning", || {
        let kept = app
            .log()
            .iter()
            .filter(|line| line.contains("ignored"))
            .count();
        (kept == 2).then_some(())
    });
    swap(volume.path(), "v4", "fourth");
    wait("the fourth", || {
        (app.get("/").body == "fourth\n").then_some(())
    });
}

fn visits(directory: &Path) -> u64 {
    match fs::read_to_string(directory.join("visits")) {
        Ok(text) => text.trim().parse().unwrap(),
        // A pod that is killed before the first save leaves no file.
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            0
        }
    }
}

#[test]
fn pods_that_share_a_volume_count_every_visit_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let pods: Vec<_> = (0..3)
        .map(|_| App::start(&[("APP_DATA_DIR", path)]))
        .collect();
    for pod in &pods {
        for _ in 0..40 {
            assert_eq!(pod.get("/").status, 200);
        }
        // Probes are not visits.
        assert_eq!(pod.get("/healthz").status, 200);
    }
    for pod in pods {
        pod.terminate();
        assert_eq!(pod.wait().0.code(), Some(0));
    }
    assert_eq!(visits(directory.path()), 120);
    let next = App::start(&[("APP_DATA_DIR", path)]);
    wait("the sum", || {
        (next.count("app_visits") == 120).then_some(())
    });
    assert_eq!(next.get("/info").json()["visits"], 120);
}

#[test]
fn killed_pods_leave_a_number_that_never_falls() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let mut before = 0;
    let mut asked = 0;
    for round in 0..8_u64 {
        let pods: Vec<_> = (0..2)
            .map(|_| App::start(&[("APP_DATA_DIR", path)]))
            .collect();
        for step in 0..20 {
            for pod in &pods {
                assert_eq!(pod.get("/").status, 200);
                asked += 1;
            }
            std::thread::sleep(std::time::Duration::from_millis((round * 7 + step) % 40));
        }
        for pod in pods {
            signal(pod.pid(), "KILL");
            pod.wait();
        }
        let now = visits(directory.path());
        assert!(now >= before && now <= asked, "{before} {now} {asked}");
        before = now;
    }
    assert!(before > 0);
}

#[test]
fn a_volume_that_cannot_be_written_costs_no_request() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("visits"), "no number").unwrap();
    let app = App::start(&[("APP_DATA_DIR", directory.path().to_str().unwrap())]);
    app.wait_for_log("cannot save visits");
    assert_eq!(app.get("/").status, 200);
    assert_eq!(app.get("/readyz").status, 200);
    wait("the error to be counted", || {
        (app.count("app_visits_errors_total") >= 1).then_some(())
    });
    assert!(app.get("/info").json()["visits"].is_null());
    assert_eq!(
        fs::read_to_string(directory.path().join("visits")).unwrap(),
        "no number"
    );
}

/// A file that blocks those who open it, as on a volume that hangs.
fn block(path: &Path) {
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
}

#[test]
fn files_that_block_delay_neither_the_service_nor_its_exit() {
    let volume = tempfile::tempdir().unwrap();
    let greeting = volume.path().join("greeting");
    for name in ["greeting", "last-drain", "last-drain.new", "visits.lock"] {
        block(&volume.path().join(name));
    }
    let app = App::start(&[
        ("APP_GREETING", "from the setting"),
        ("APP_GREETING_FILE", greeting.to_str().unwrap()),
        ("APP_DATA_DIR", volume.path().to_str().unwrap()),
    ]);
    assert_eq!(app.get("/").body, "from the setting\n");
    assert_eq!(app.admin("GET", "/livez", "").status, 200);
    app.wait_for_log("greeting file ignored");
    app.terminate();
    let (status, log) = app.wait();
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert!(
        log.iter().any(|line| line.contains("the volume hangs")),
        "{log:#?}"
    );
}

#[test]
fn a_greeting_file_that_blocks_no_longer_is_read_again() {
    let volume = tempfile::tempdir().unwrap();
    let file = volume.path().join("greeting");
    block(&file);
    let app = App::start(&[("APP_GREETING_FILE", file.to_str().unwrap())]);
    app.wait_for_log("greeting file ignored");
    // The blocked read returns, and the next one finds a file.
    fs::write(volume.path().join("new"), "here again").unwrap();
    fs::rename(&file, volume.path().join("old")).unwrap();
    fs::rename(volume.path().join("new"), &file).unwrap();
    drop(
        fs::OpenOptions::new()
            .write(true)
            .open(volume.path().join("old"))
            .unwrap(),
    );
    wait("the greeting", || {
        (app.get("/").body == "here again\n").then_some(())
    });
}

#[test]
fn a_greeting_with_windows_line_endings_is_accepted() {
    let volume = tempfile::tempdir().unwrap();
    let file = volume.path().join("greeting");
    fs::write(&file, "two\r\nlines\r\n").unwrap();
    let app = App::start(&[("APP_GREETING_FILE", file.to_str().unwrap())]);
    assert_eq!(app.get("/").body, "two\nlines\n");
}
