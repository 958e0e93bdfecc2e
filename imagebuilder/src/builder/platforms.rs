//! The platforms of an image, and their targets.

use std::collections::BTreeSet;

use oci::Platform;

use super::build::Builder;
use crate::settings::Settings;
use crate::target::{Target, TargetError};

impl Builder {
    /// The platforms that a service's image is built for: those of the command line, else of its
    /// settings, else this machine's; each once.
    pub(crate) fn platforms(&self, settings: &Settings) -> Vec<Platform> {
        let named = &self.options.platforms;
        if named.is_empty() {
            target_platforms(settings.platforms.iter().map(|platform| &platform.0))
        } else {
            target_platforms(named.iter())
        }
    }

    /// The targets that are compiled for `platforms`, in their order.
    pub(super) fn targets(
        &self,
        settings: &Settings,
        platforms: &[Platform],
    ) -> Result<Vec<Target>, TargetError> {
        let targets = platforms.iter();
        let targets = targets.map(|platform| self.toolchain.target(platform, settings.libc));
        targets.collect()
    }
}

/// The platforms of an image: those that are named, each once and in their order, else this machine's.
pub(crate) fn target_platforms<'a>(named: impl Iterator<Item = &'a Platform>) -> Vec<Platform> {
    let mut seen = BTreeSet::new();
    let mut platforms: Vec<Platform> = named.filter(|one| seen.insert(*one)).cloned().collect();
    if platforms.is_empty() {
        platforms.push(Platform::host());
    }
    platforms
}
