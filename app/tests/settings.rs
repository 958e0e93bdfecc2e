//! Settings: all problems at once, before a port is bound; and their help.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod common;

use std::net::TcpListener;
use std::time::Duration;

use app::settings::{DrainProfile, Settings, SettingsError, table};
use common::command;
use proptest::prelude::*;

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let owned = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_env(owned, "host")
}

fn check(name: &str, value: &str, part: &str) {
    let error = read(&[(name, value)]).expect_err(&format!("{name}={value}"));
    assert_eq!(error.problems.len(), 1, "{error}");
    assert_eq!(error.problems[0].name, name);
    assert!(error.problems[0].message.contains(part), "{error}");
}

#[test]
fn defaults_are_for_an_nlb() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "0.0.0.0:5000");
    assert_eq!(settings.admin_listen.to_string(), "0.0.0.0:9090");
    assert_eq!(settings.drain, DrainProfile::NLB);
    assert_eq!(settings.drain.delay, Duration::from_secs(150));
    assert_eq!(settings.identity.pod, "host");
    assert!(
        settings.timeouts.keep_alive > Duration::from_mins(1),
        "longer than an ALB's"
    );
    assert!(!settings.faults);
}

#[test]
fn documented_defaults_are_the_defaults() {
    let written: Vec<_> = table::ALL
        .iter()
        .filter(|setting| !setting.default.is_empty())
        .map(|setting| (setting.name, setting.default))
        .collect();
    assert_eq!(read(&written).unwrap(), read(&[]).unwrap());
}

#[test]
fn delay_and_deadline_override_the_profile() {
    let drain = read(&[("APP_DRAIN_PROFILE", "short"), ("APP_DRAIN_DEADLINE", "5s")])
        .unwrap()
        .drain;
    assert_eq!((drain.delay.as_secs(), drain.deadline.as_secs()), (70, 5));
}

#[test]
fn each_problem_says_what_was_expected() {
    check("APP_LISTEN", "5000", "such as 0.0.0.0:5000");
    check("APP_DRAIN_DELAY", "150", "150s, 250ms");
    check("APP_DRAIN_DELAY", "-1s", "150s, 250ms");
    check(
        "APP_DRAIN_DELAY",
        "99999999999999999999s",
        "invalid duration",
    );
    check("APP_DRAIN_DELAY", "2000000000000h", "longer than a day");
    check("APP_KEEP_ALIVE", "0s", "longer than 0");
    check("APP_DRAIN_PROFILE", "alb", "nlb, short, off");
    check("APP_MAX_HEADERS", "97", "1 to 96");
    check("APP_MAX_HEADER_BYTES", "1TiB", "16KiB");
    check("APP_MAX_HEADER_BYTES", "1GiB", "expected 256");
    check("APP_MAX_HEADER_BYTES", "10", "expected 256");
    check(
        "APP_TRUSTED_PROXIES",
        "10.0.0.0/8, 10.1.0.0/8",
        "did you mean 10.0.0.0/8",
    );
    check("APP_GREETING", "\u{1b}[2J", "printable");
    check("APP_GREETING_FILE", "relative", "absolute");
    check("APP_LOG", "verbose", "level");
    check("APP_FAULTS", "yes", "on, off");
    if cfg!(all(feature = "otlp", not(feature = "otlp-tls"))) {
        check(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "https://collector:4318",
            "needs the feature otlp-tls",
        );
    } else {
        read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318")]).unwrap();
    }
    for url in [
        "collector:4318",
        "ftp://collector",
        "http://user:secret@collector",
    ] {
        check("OTEL_EXPORTER_OTLP_ENDPOINT", url, "http://collector:4318");
    }
    check("APP_DRAIN_DELY", "1s", "did you mean APP_DRAIN_DELAY?");
    check("APP_ZZZZZZZZZZZZZ", "1s", "unknown setting");
    check("APP_ADMIN_HOSTS", "a.example:80", "without a port");
}

#[test]
fn proxy_protocol_needs_trusted_proxies() {
    let error = read(&[("APP_PROXY_PROTOCOL", "required")]).unwrap_err();
    assert_eq!(error.problems[0].name, "APP_TRUSTED_PROXIES");
}

#[test]
fn service_links_are_not_settings() {
    for (service, value) in [
        ("APP", "10.0.0.1"),
        ("APP_2", "fd00::1"),
        ("APP_WEB_ADMIN", "10.0.0.2"),
    ] {
        let links = [
            ("SERVICE_HOST", value),
            ("SERVICE_PORT", "80"),
            ("SERVICE_PORT_HTTP", "80"),
            ("PORT", "tcp://10.0.0.1:80"),
            ("PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("PORT_80_TCP_PROTO", "tcp"),
            ("PORT_80_TCP_PORT", "80"),
            ("PORT_53_UDP_ADDR", value),
        ];
        let names: Vec<_> = links
            .iter()
            .map(|(name, value)| (format!("{service}_{name}"), *value))
            .collect();
        let output = command(&[]).envs(names).arg("check").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}

#[test]
fn a_misspelt_setting_is_not_taken_for_a_service_link() {
    check("APP_ADMIN_PORT", "9091", "unknown setting");
    check(
        "APP_PORT_EIGHTY_TCP",
        "tcp://10.0.0.1:80",
        "unknown setting",
    );
    check("APP_PORT_80_HTTP", "80", "unknown setting");
    check("APP_PORT_80_TCP_SIZE", "80", "unknown setting");
}

#[test]
fn all_problems_are_reported_at_once_and_no_port_is_bound() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(&[
        ("APP_LISTEN", &address),
        ("APP_WORKERS", "many"),
        ("APP_FAULTS", "perhaps"),
        ("APP_TYPO", "1"),
    ])
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with("error: 3 invalid settings\n  APP_WORKERS: "),
        "{stderr}"
    );
    assert!(
        stderr.contains("\n  APP_FAULTS: ") && stderr.contains("\n  APP_TYPO: "),
        "{stderr}"
    );
    assert!(stderr.contains("hint: "), "{stderr}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(&[("APP_LISTEN", &address)]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains(&address) && stderr.contains("APP_LISTEN"),
        "{stderr}"
    );
    assert!(stderr.contains("Caused by: "), "{stderr}");
}

#[test]
fn help_lists_every_setting() {
    let output = command(&[]).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for setting in table::ALL {
        let line = help
            .lines()
            .find(|line| line.contains(&format!(" {} ", setting.name)));
        let line = line.unwrap_or_else(|| panic!("{} is missing", setting.name));
        assert!(
            line.contains(setting.unit) && line.contains(setting.default),
            "{line}"
        );
        assert!(help.contains(setting.help));
    }
    for (wrong, code) in [
        (&["--nonsense"][..], 2),
        (&["probe"], 2),
        (&["--version"], 0),
    ] {
        assert_eq!(
            command(&[]).args(wrong).output().unwrap().status.code(),
            Some(code)
        );
    }
    let more = command(&[]).args(["check", "x"]).output().unwrap();
    assert_eq!(more.status.code(), Some(2));
    let stderr = String::from_utf8(more.stderr).unwrap();
    assert!(stderr.contains("unexpected argument `x`"), "{stderr}");
}

proptest! {
    #[test]
    fn no_value_panics(
        index in 0..table::ALL.len(), value in "\\PC{0,40}|[0-9]{0,25}(s|ms|KiB|h)?",
    ) {
        let name = table::ALL[index].name;
        if let Err(error) = read(&[(name, &value)]) {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.problems.iter().all(|problem| !problem.message.is_empty()));
        }
    }

    #[test]
    fn every_problem_is_reported(wrong in prop::collection::btree_set(0..table::ALL.len(), 1..8)) {
        // No setting accepts this: it is not a word, a number or an address, and not printable.
        let variables: Vec<_> =
            wrong.iter().map(|index| (table::ALL[*index].name, "\u{7}\u{7}")).collect();
        let error = read(&variables).unwrap_err();
        for (name, _) in &variables {
            prop_assert!(error.problems.iter().any(|problem| problem.name == *name), "{name}");
        }
    }

    #[test]
    fn durations_are_exact(millis in 1_u64..86_400_000) {
        let text = format!("{millis}ms");
        let settings = read(&[("APP_DRAIN_DELAY", &text)]).unwrap();
        prop_assert_eq!(settings.drain.delay, Duration::from_millis(millis));
    }
}
