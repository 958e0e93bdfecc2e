//! The properties of one deployment, on top of an overlay that several share: its name and namespace
//! (`rename`), its host name and certificate (`balancer`), the tags of its AWS resources (`tags`), and its
//! cluster (`cluster`). `values` checks them, and `changes` applies them.

mod balancer;
mod changes;
mod cluster;
mod rename;
mod tags;
mod values;

pub(crate) use changes::Changes;
pub(crate) use cluster::PLACEHOLDER;
