//! The settings: their table ([`table`]), the syntax of their values (`parse`), and the result
//! ([`Settings`]). All of them are read once, before a port is bound: `read` has the bounds of values, and
//! `variables` their digest and the names to ignore, which Kubernetes sets for Services.

mod error;
pub(crate) mod parse;
mod read;
pub mod table;
mod values;
mod variables;

pub use crate::logs::LogFormat;
pub use error::{Problem, SettingsError};
pub use values::{DrainProfile, Identity, Limits, ProxyProtocol, RequestLog, Settings, Timeouts};
