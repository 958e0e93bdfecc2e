//! Metrics: counted per worker without locks or shared cache lines ([`counters`]), added up and
//! rendered as text for a scrape ([`render`]), with figures about the process ([`process`]).

pub(crate) mod counters;
pub(crate) mod process;
pub(crate) mod render;
