//! The subscriber of `tracing`: which events are written, and in which format. The filter can be changed at run time.

use std::io::{self, IsTerminal as _};

use tracing::Level;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::format::LogFormat;
use super::writer::Logs;

/// The longest filter that is parsed.
const MAX_FILTER_BYTES: usize = 1024;

/// The filter in force, and the handle to change it.
#[derive(Clone)]
pub(crate) struct Filter(reload::Handle<Targets, Registry>);

/// Validates a filter and returns it.
pub(crate) fn check_filter(text: &str) -> Result<String, String> {
    parse(text).map(|_| text.to_owned())
}

fn parse(text: &str) -> Result<Targets, String> {
    if text.is_empty() || text.len() > MAX_FILTER_BYTES {
        return Err("must be a level, such as info, or a list of target=level".to_owned());
    }
    // A target without a level is most likely a misspelt level, which would silence everything.
    for directive in text.split(',') {
        if !directive.contains('=') && directive.trim().parse::<LevelFilter>().is_err() {
            return Err(format!(
                "`{directive}` is neither a level (error, warn, info, debug, trace, off) \
                 nor target=level"
            ));
        }
    }
    let targets: Targets = text.parse().map_err(|error| format!("`{text}`: {error}"))?;
    // actix-http logs an error for every malformed request, and any client can send many.
    let scanner_noise = "actix_http::h1::dispatcher";
    if text.contains(scanner_noise) {
        return Ok(targets);
    }
    Ok(targets.with_target(scanner_noise, LevelFilter::OFF))
}

impl Filter {
    /// Replaces the filter.
    ///
    /// # Errors
    /// What is invalid in `text`, as for the setting.
    pub(crate) fn set(&self, text: &str) -> Result<(), String> {
        let targets = parse(text)?;
        self.0.reload(targets).map_err(|error| error.to_string())
    }

    /// The filter in force.
    pub(crate) fn text(&self) -> String {
        self.0.with_current(ToString::to_string).unwrap_or_default()
    }

    /// Whether lines of requests are written at this level.
    pub(crate) fn logs_requests(&self, level: Level) -> bool {
        self.0
            .with_current(|targets| targets.would_enable("app::request", &level))
            .unwrap_or(false)
    }
}

/// Starts logging. Only the first call of a process reaches tracing; a test that starts several
/// services shares it.
///
/// # Errors
/// If the thread that writes cannot be started.
pub(crate) fn start(filter: &str, format: LogFormat) -> io::Result<(Logs, Filter)> {
    let json = match format {
        LogFormat::Auto => !io::stderr().is_terminal(),
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let logs = Logs::start(io::stderr(), json)?;
    let targets = parse(filter).unwrap_or_default();
    let (targets, handle) = reload::Layer::new(targets);
    let registry = tracing_subscriber::registry().with(targets);
    let layer = tracing_subscriber::fmt::layer().with_writer(logs.clone());
    drop(if json {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        registry.with(layer.with_ansi(false)).try_init()
    });
    Ok((logs, Filter(handle)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_levels_are_refused() {
        assert!(check_filter("info").is_ok());
        assert!(check_filter("warn,app::request=off").is_ok());
        for bad in ["", "inof", "info,debgu", "app=loud"] {
            assert!(check_filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn malformed_requests_are_not_logged_as_errors() {
        let targets = parse("trace").unwrap();
        assert!(!targets.would_enable("actix_http::h1::dispatcher", &Level::ERROR));
        assert!(targets.would_enable("actix_http", &Level::ERROR));
    }
}
