//! Files of the sources that an image has besides its binary.

mod collect;
mod error;
mod setting;

pub(crate) use collect::{Asset, Source, collect};
pub(crate) use error::AssetError;
pub(crate) use setting::{AssetSetting, FileMode};
