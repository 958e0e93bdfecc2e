//! One run: all measurements, in order.

use std::path::PathBuf;

use anyhow::Context as _;
use cli::Printer;
use loadgen::{Client, Pace};

use super::inputs::Inputs;
use super::results::{OneShot, Plan, Results, SCHEMA_VERSION, Subject as Found};
use super::subject::{self, Subject};
use super::{idle, image, quota, speed, startup};
use crate::machine;
use crate::server::{CLIENT_CPU, Server};
use crate::spread::Spread;

/// Measures every program that is available.
///
/// # Errors
/// When a server cannot be started or measured.
pub(crate) fn run(inputs: &Inputs, printer: Printer) -> anyhow::Result<Results> {
    // The arguments are checked first.
    let measure = |layout: &Option<PathBuf>| layout.as_deref().map(image::measure).transpose();
    let (image, image_with_otlp) = (measure(&inputs.image)?, measure(&inputs.image_with_otlp)?);
    let mut machine = machine::describe(&inputs.root);
    loadgen::cpu::pin(None, CLIENT_CPU).context("two CPUs are needed")?;
    let answer = tempfile::NamedTempFile::new().context("cannot create a file")?;
    std::fs::write(&answer, subject::app(&inputs.app).start()?.ask()?)?;
    let subjects = subject::all(inputs, answer.path())?;

    let mut memory = Vec::new();
    for subject in &subjects {
        printer.status(&format!("{}: memory and start", subject.name));
        let times = if subject.fast { 21 } else { 5 };
        memory.push((idle::memory(subject)?, startup::measure(subject, times)?));
    }

    let servers = subjects
        .iter()
        .map(Subject::start)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let all: Vec<&Server> = servers.iter().collect();
    let Inputs {
        rounds,
        round,
        connections,
        ..
    } = *inputs;
    printer.status(&format!("{rounds} rounds in a closed loop"));
    let closed = speed::alternate(
        &all,
        Client::KeptAlive,
        Pace::Closed,
        connections,
        rounds,
        round,
    )?;
    let fast: Vec<&Server> = subjects
        .iter()
        .zip(&servers)
        .filter(|(subject, _)| subject.fast)
        .map(|(_, s)| s)
        .collect();
    let rate = half(Spread::of(&closed[0].requests_per_second).median);
    printer.status(&format!("{rounds} rounds at {rate}/s"));
    let constant = speed::alternate(
        &fast,
        Client::KeptAlive,
        Pace::Rate(rate),
        connections,
        rounds,
        round,
    )?;
    drop(servers);
    printer.status(&format!("{rounds} rounds of one-shot clients"));
    let one_shot = one_shot(inputs)?;

    printer.status("a quarter of a CPU");
    let quota = match quota::measure(&subjects.iter().collect::<Vec<_>>()) {
        Ok(found) => found,
        Err(error) => {
            printer.warn(&format!("not measured under a quota: {error:#}"));
            Vec::new()
        }
    };
    machine.load_after = machine::load();

    let mut constant = constant.into_iter();
    let found = subjects
        .iter()
        .zip(closed)
        .zip(memory)
        .map(|((subject, closed), memory)| {
            let ((idle_rss_bytes, rss_1000_bytes), start_micros) = memory;
            Found {
                key: subject.key.to_owned(),
                name: subject.name.to_owned(),
                closed,
                constant: if subject.fast { constant.next() } else { None },
                idle_rss_bytes,
                rss_1000_bytes,
                start_micros,
            }
        });
    Ok(Results {
        schema_version: SCHEMA_VERSION,
        machine,
        plan: Plan {
            rounds,
            round_millis: u64::try_from(round.as_millis())?,
            connections,
            rate,
        },
        subjects: found.collect(),
        image,
        image_with_otlp,
        quota,
        one_shot: Some(one_shot),
    })
}

/// The service and the loop with clients that open a connection for each request.
fn one_shot(inputs: &Inputs) -> anyhow::Result<OneShot> {
    let app = subject::app(&inputs.app).start()?;
    let answer = tempfile::NamedTempFile::new().context("cannot create a file")?;
    std::fs::write(&answer, app.ask_once()?)?;
    let floor = subject::one_shot_floor(answer.path())?.start()?;
    let Inputs {
        rounds,
        round,
        connections,
        ..
    } = *inputs;
    let servers = [&app, &floor];
    let series = speed::alternate(
        &servers,
        Client::OneShot,
        Pace::Closed,
        connections,
        rounds,
        round,
    )?;
    let [app, floor] = series.try_into().expect("a series for each of the two");
    Ok(OneShot { app, floor })
}

/// Half of a rate, rounded for readability.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "below a million"
)]
fn half(rate: f64) -> u32 {
    ((rate / 2000.0) as u32 * 1000).max(100)
}
