//! The library without a process: listeners, settings and shutdown are passed in.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use app::settings::Settings;
use app::{Bound, DrainResult};
use common::{Client, GET};
use tokio::sync::oneshot;

fn settings(more: &[(&str, &str)]) -> Settings {
    let mut all = vec![
        ("APP_LISTEN", "127.0.0.1:0"),
        ("APP_ADMIN_LISTEN", "127.0.0.1:0"),
        ("APP_LOG", "off"),
        ("APP_WORKERS", "1"),
        ("APP_DRAIN_DELAY", "0s"),
        ("APP_DRAIN_DEADLINE", "5s"),
    ];
    all.extend(more);
    let owned = all
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Settings::from_env(owned, "host").unwrap()
}

#[test]
fn services_run_side_by_side_and_stop_when_asked() {
    let services: Vec<_> = ["first", "second"]
        .into_iter()
        .map(|greeting| {
            let settings = settings(&[("APP_GREETING", greeting)]);
            let bound = Bound::bind(&settings).unwrap();
            let address = bound.addresses().unwrap().0;
            let (stop, stopped) = oneshot::channel::<()>();
            let thread = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let shutdown = async { drop(stopped.await) };
                runtime.block_on(app::run(settings, bound, shutdown, std::future::pending()))
            });
            (greeting, address, stop, thread)
        })
        .collect();
    for (greeting, address, stop, thread) in services {
        let mut client = Client::connect(address);
        client.send(GET);
        assert_eq!(client.response().body, format!("{greeting}\n"));
        stop.send(()).unwrap();
        assert_eq!(thread.join().unwrap().unwrap(), DrainResult::Complete);
        client.closed_after();
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}
