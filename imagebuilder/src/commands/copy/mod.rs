//! `imagebuilder copy`: an image from one place to another, byte for byte.
//!
//! It begins in `run`. The order in which content is copied is that of [`oci::copy`].

mod job;
mod local;
mod pack;
mod registry;
mod run;

pub(super) use run::run;
