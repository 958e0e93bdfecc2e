//! Images in containerd: imported from a layout on disk, unpacked, and read back to be run.

mod accounts;
mod chain;
mod import;
mod lookup;
mod name;
mod unpack;

pub use accounts::{Accounts, Group, User};
pub use chain::chain_ids;
pub use import::{Holding, ImportError, Imported, UPLOAD_PREFIX, import};
pub use lookup::{LookupError, RunImage, find_name, lookup};
pub use name::candidates;
