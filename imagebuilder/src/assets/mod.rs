//! Assets: files of the sources that are in an image besides its binary.

mod collect;
mod error;
mod setting;

pub(crate) use collect::{Asset, Source, collect};
pub(crate) use error::AssetError;
pub(crate) use setting::{AssetSetting, FileMode};
