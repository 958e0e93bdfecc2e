//! A commented `[package.metadata.image]` for a package (`text`), with settings that are detected in its sources
//! (`find`).

mod append;
mod find;
mod text;

pub(crate) use append::append;
pub(crate) use find::find;
pub(crate) use text::text;
