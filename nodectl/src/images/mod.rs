//! Images in containerd: import from a layout on disk (`import`), unpacking (`unpack`), and lookup (`lookup`), by
//! the names under which containerd may have an image (`name`), with its users and groups (`accounts`).

mod accounts;
mod chain;
mod error;
mod import;
mod lookup;
mod name;
mod unpack;

pub(crate) use accounts::Accounts;
pub(crate) use chain::chain_ids;
pub(crate) use error::ImportError;
pub(crate) use import::{Holding, UPLOAD_PREFIX, import};
pub(crate) use lookup::{LookupError, RunImage, find_name, lookup};
pub(crate) use name::candidates;
