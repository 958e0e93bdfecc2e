//! Log lines: text on a terminal, JSON elsewhere, on stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::{LogFormat, Settings};

/// Tells whether `text` says which lines are written, and returns it.
pub(crate) fn check_filter(text: &str) -> Result<String, String> {
    text.parse::<Targets>()
        .map(|_| text.to_owned())
        .map_err(|error| {
            format!(
                "`{text}` is no level or list of target=level ({error}); info,actix=warn is one"
            )
        })
}

/// Begins logging for the whole process.
pub(crate) fn start(settings: &Settings) {
    let json = match settings.log_format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let filter = settings.log.parse::<Targets>().unwrap_or_default();
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let begun = if json {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        registry.with(layer.with_ansi(false)).try_init()
    };
    // Only a test begins twice, and there the first one stays.
    drop(begun);
}
