//! The targets of the load balancer.

use super::results::{Results, Subject};
use crate::series::Series;
use crate::spread::ratio;
use crate::target::{Target, Wanted};

/// The fastest of the others in this figure.
const WANTED: Wanted = Wanted::AtLeast(1.0);

/// One of the series of a load balancer.
type Pick = fn(&Subject) -> &Series;

/// A figure of each round.
type Figure = fn(&Series) -> Vec<f64>;

/// All targets, in display order.
pub(crate) fn all(results: &Results) -> Vec<Target> {
    let clients: [(&str, Pick); 2] = [
        ("kept-alive connections", |subject| &subject.kept),
        ("short connections", |subject| &subject.short),
    ];
    let figures: [(&str, Figure); 2] = [
        ("requests per second", |series| {
            series.requests_per_second.clone()
        }),
        ("requests per CPU second", Series::requests_per_cpu_second),
    ];
    let mut targets = Vec::new();
    for (whose, clients) in clients {
        for (what, figure) in figures {
            let of = |subject| figure(clients(subject));
            let measured = results.subjects.split_first().and_then(|(ours, others)| {
                let ratios = others.iter().map(|other| ratio(&of(ours), &of(other)));
                ratios.reduce(f64::min)
            });
            targets.push(Target {
                what: format!("{whose}: {what}, times the fastest other's"),
                wanted: WANTED,
                unit: "",
                digits: 2,
                measured,
            });
        }
    }
    targets
}
