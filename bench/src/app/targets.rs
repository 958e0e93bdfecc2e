//! The targets of the service, and the figures measured.

use super::results::{Image, Results, Subject};
use crate::series::Series;
use crate::size::{KIB, MIB, float};
use crate::spread::{Spread, ratio};
use crate::target::{Target, Wanted};

/// All targets, in display order.
pub(crate) fn all(results: &Results) -> Vec<Target> {
    let mut targets = speed(results);
    targets.extend(size(results));
    targets
}

/// The loop; Flask's worker classes; podinfo's paths: the faster of each counts.
const PEERS: [(&str, f64, &[&str]); 3] = [
    ("the bare loop's", 0.85, &["floor"]),
    ("Flask's", 30.0, &["flask-sync", "flask-gthread"]),
    ("podinfo's", 3.0, &["podinfo", "podinfo-healthz"]),
];

fn speed(results: &Results) -> Vec<Target> {
    let times = |what, wanted, digits, measured| Target {
        what,
        wanted,
        unit: "",
        digits,
        measured,
    };
    let mut targets = Vec::new();
    for (whose, least, keys) in PEERS {
        let digits = if least < 1.0 { 2 } else { 1 };
        let wanted = Wanted::AtLeast(least);
        let rate = over_fastest(results, keys, |series| series.requests_per_second.clone());
        targets.push(times(
            format!("requests per second, times {whose}"),
            wanted,
            digits,
            rate,
        ));
        let cpu = over_fastest(results, keys, Series::requests_per_cpu_second);
        targets.push(times(
            format!("requests per CPU second, times {whose}"),
            wanted,
            digits,
            cpu,
        ));
    }
    let one_shot = results.one_shot.as_ref();
    let figure = |pick: fn(&Series) -> Vec<f64>| {
        one_shot.map(|series| ratio(&pick(&series.app), &pick(&series.floor)))
    };
    let wanted = Wanted::AtLeast(0.9);
    targets.push(times(
        "one-shot requests per second, times the bare loop's".to_owned(),
        wanted,
        2,
        figure(|series| series.requests_per_second.clone()),
    ));
    targets.push(times(
        "one-shot requests per CPU second, times the bare loop's".to_owned(),
        wanted,
        2,
        figure(Series::requests_per_cpu_second),
    ));
    let full = p99_over_loop(results, |subject| Some(&subject.closed));
    let constant = p99_over_loop(results, |subject| subject.constant.as_ref());
    let most = Wanted::AtMost(1.5);
    targets.push(times(
        "p99 at full speed, times the loop's".to_owned(),
        most,
        2,
        full,
    ));
    targets.push(times(
        "p99 at a constant rate, times the loop's".to_owned(),
        most,
        2,
        constant,
    ));
    targets
}

fn size(results: &Results) -> Vec<Target> {
    let app = find(results, "app");
    let mib = |image: &Option<Image>| Some(float(image.as_ref()?.compressed_bytes) / MIB);
    vec![
        Target::at_most(
            "resident set, idle",
            3.0,
            " MiB",
            2,
            app.map(|app| float(app.idle_rss_bytes) / MIB),
        ),
        Target::at_most(
            "resident set per connection, at 1,000",
            20.0,
            " KiB",
            1,
            app.and_then(Subject::bytes_per_connection)
                .map(|bytes| float(bytes) / KIB),
        ),
        Target::at_most(
            "exec to first 200",
            5.0,
            " ms",
            2,
            app.map(|app| Spread::of(&app.start_micros).median / 1000.0),
        ),
        Target::at_most("image, compressed", 2.0, " MiB", 2, mib(&results.image)),
        Target::at_most(
            "image with OTLP, compressed",
            3.0,
            " MiB",
            2,
            mib(&results.image_with_otlp),
        ),
    ]
}

fn find<'a>(results: &'a Results, key: &str) -> Option<&'a Subject> {
    results.subjects.iter().find(|subject| subject.key == key)
}

/// A figure of the service at full speed, divided by that of the best of these.
fn over_fastest(
    results: &Results,
    others: &[&str],
    figure: fn(&Series) -> Vec<f64>,
) -> Option<f64> {
    let of = |key: &str| Some(figure(&find(results, key)?.closed));
    let app = of("app")?;
    others
        .iter()
        .filter_map(|key| of(key))
        .map(|other| ratio(&app, &other))
        .reduce(f64::min)
}

/// The service's p99, divided by that of the loop.
fn p99_over_loop(results: &Results, pick: fn(&Subject) -> Option<&Series>) -> Option<f64> {
    let p99 = |key| Some(&pick(find(results, key)?)?.p99_micros);
    Some(ratio(p99("app")?, p99("floor")?))
}
