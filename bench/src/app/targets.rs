//! The targets of the service, and the figures measured.

use std::fmt;

use super::results::{Image, Results, Series, Spread, Subject};

const KIB: f64 = 1024.0;
const MIB: f64 = KIB * KIB;

/// The bound of a target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
        }
    }
}

/// A target and what was measured.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) wanted: Wanted,
    /// Of the bound and the figure alike, with a space before it.
    pub(crate) unit: &'static str,
    /// After the point.
    pub(crate) digits: usize,
    pub(crate) measured: Option<f64>,
}

impl Target {
    /// Whether a figure meets the bound.
    pub(crate) fn met(&self, measured: f64) -> bool {
        match self.wanted {
            Wanted::AtLeast(limit) => measured >= limit,
            Wanted::AtMost(limit) => measured <= limit,
        }
    }
}

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
            format!("requests a second, times {whose}"),
            wanted,
            digits,
            rate,
        ));
        let cpu = over_fastest(results, keys, requests_per_cpu_second);
        targets.push(times(
            format!("requests a CPU second, times {whose}"),
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
        "one-shot requests a second, times the bare loop's".to_owned(),
        wanted,
        2,
        figure(|series| series.requests_per_second.clone()),
    ));
    targets.push(times(
        "one-shot requests a CPU second, times the bare loop's".to_owned(),
        wanted,
        2,
        figure(requests_per_cpu_second),
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

/// The requests per second that an otherwise idle core would answer.
fn requests_per_cpu_second(series: &Series) -> Vec<f64> {
    series
        .cpu_nanos_per_request
        .iter()
        .map(|nanos| 1e9 / nanos)
        .collect()
}

fn size(results: &Results) -> Vec<Target> {
    let app = find(results, "app");
    let mib = |image: &Option<Image>| Some(float(image.as_ref()?.compressed_bytes) / MIB);
    let at_most = |what: &str, limit, unit, digits, measured| {
        let (what, wanted) = (what.to_owned(), Wanted::AtMost(limit));
        Target {
            what,
            wanted,
            unit,
            digits,
            measured,
        }
    };
    vec![
        at_most(
            "resident set, idle",
            3.0,
            " MiB",
            2,
            app.map(|app| float(app.idle_rss_bytes) / MIB),
        ),
        at_most(
            "resident set a connection, at 1,000",
            20.0,
            " KiB",
            1,
            app.and_then(Subject::bytes_per_connection)
                .map(|bytes| float(bytes) / KIB),
        ),
        at_most(
            "exec to first 200",
            5.0,
            " ms",
            2,
            app.map(|app| Spread::of(&app.start_micros).median / 1000.0),
        ),
        at_most("image, compressed", 2.0, " MiB", 2, mib(&results.image)),
        at_most(
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

/// A figure of the service at full speed over that of the best of these.
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

/// The service's p99 over that of the loop.
fn p99_over_loop(results: &Results, pick: fn(&Subject) -> Option<&Series>) -> Option<f64> {
    let p99 = |key| Some(&pick(find(results, key)?)?.p99_micros);
    Some(ratio(p99("app")?, p99("floor")?))
}

/// The median of the rounds' ratios: other load on the machine affects both in the same round.
fn ratio(app: &[f64], other: &[f64]) -> f64 {
    let ratios: Vec<f64> = app
        .iter()
        .zip(other)
        .map(|(app, other)| app / other)
        .collect();
    Spread::of(&ratios).median
}

/// A size as a float.
#[expect(clippy::cast_precision_loss, reason = "sizes stay far below 2^52")]
pub(crate) fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios() {
        // The second round was disturbed, for both alike.
        let (app, floor) = ([80.0, 8.0, 90.0], [100.0, 10.0, 100.0]);
        assert!((ratio(&app, &floor) - 0.8).abs() < 1e-9);
    }

    #[test]
    fn a_bound_is_met_at_the_bound() {
        let target = |wanted| Target {
            what: String::new(),
            wanted,
            unit: "",
            digits: 0,
            measured: None,
        };
        let (least, most) = (target(Wanted::AtLeast(3.0)), target(Wanted::AtMost(3.0)));
        assert!(least.met(3.0) && !least.met(2.9));
        assert!(most.met(3.0) && !most.met(3.1));
    }
}
