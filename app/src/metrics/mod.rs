//! Metrics: counted per worker without locks or shared cache lines ([`counters`]), added up and
//! written as text when they are asked for ([`render`]).

pub(crate) mod counters;
pub(crate) mod process;
pub(crate) mod render;
