//! Checks a service before it is compiled.

use super::build::Builder;
use super::error::BuildError;
use super::event::Event;
use super::names::image_path;
use crate::assets::Source;
use crate::base::Base;
use crate::fit::{self, Surroundings};
use crate::program::Programs;
use crate::target::CLibrary;
use crate::workspace::Service;

impl Builder {
    /// Checks everything that can be checked before minutes of compiling, and before anything is stored.
    pub(crate) fn check(
        &self,
        service: &Service,
        base: Option<&Base>,
        events: &mut dyn FnMut(Event),
    ) -> Result<(), BuildError> {
        let settings = &service.settings;
        self.targets(settings, &self.platforms(settings))?;
        self.options.sbom.check()?;
        if base.is_none() && settings.libc == Some(CLibrary::Glibc) {
            return Err(BuildError::NoGlibc);
        }
        let files = self.assets(service)?;
        if let Some(provenance) = &self.options.attest.provenance {
            let of_files = files.values().filter_map(|asset| match &asset.source {
                Source::File { path, .. } => Some(path),
                Source::Directory | Source::Link { .. } => None,
            });
            provenance.checkout.check(of_files)?;
        }
        let binaries: Vec<String> = service.bins().map(image_path).collect();
        let programs = Programs {
            files: &files,
            binaries: &binaries,
            has_base: base.is_some(),
        };
        programs.check(settings)?;
        for platform in &self.platforms(settings) {
            let surroundings = Surroundings {
                base,
                platform,
                settings,
                files: &files,
                cache: &self.cache,
            };
            fit::check_links(surroundings, &mut |base, bytes| {
                let base = base.to_owned();
                events(Event::ReadingBase { base, bytes });
            })?;
        }
        Ok(())
    }
}
