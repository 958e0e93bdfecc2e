//! The settings: what there is ([`table`]), how it is written (`parse`), and what came of it
//! ([`Settings`]). They are read once, all of them, before a port is bound.

mod error;
pub(crate) mod parse;
mod read;
pub mod table;
mod values;

pub use crate::logs::LogFormat;
pub use error::{Problem, SettingsError};
pub use values::{DrainProfile, Identity, Limits, ProxyProtocol, RequestLog, Settings, Timeouts};
