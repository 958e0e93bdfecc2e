//! Assets: files of the sources that are in an image besides its binary. `setting` is their syntax, and
//! `collect` finds the files, and refuses those that must not be packed.

mod asset;
mod collect;
mod error;
mod setting;

pub(crate) use asset::{Asset, Source};
pub(crate) use collect::collect;
pub(crate) use error::AssetError;
pub(crate) use setting::{AssetSetting, FileMode};
