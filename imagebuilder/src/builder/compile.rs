//! Compiles the binaries of a service, checks them, and adds their lists of crates.

use std::fs::File;
use std::path::{Path, PathBuf};

use oci::Digest;

use super::build::Builder;
use super::built::Compiled;
use super::error::BuildError;
use super::event::Event;
use super::names::{BIN_DIRECTORY, image_path};
use crate::allocator::{self, Allocator};
use crate::auditable;
use crate::cargo::{self, Build, Note};
use crate::file_digest;
use crate::fit::{self, Surroundings};
use crate::image;
use crate::layer::Files;
use crate::paths::PathMap;
use crate::sbom::{self, Bill, SbomOptions};
use crate::scan_paths;
use crate::target::{Libc, Target};
use crate::workspace::Service;

/// An open binary.
struct Binary {
    path: PathBuf,
    file: File,
    digest: Digest,
    bytes: u64,
}

fn cannot(path: &Path, source: std::io::Error) -> BuildError {
    BuildError::Binary {
        path: path.to_owned(),
        source,
    }
}

impl Builder {
    /// Compiles a service's binaries, and checks them.
    pub(super) fn compile(
        &self,
        service: &Service,
        target: Target,
        image: Surroundings<'_>,
        events: &mut dyn FnMut(Event),
    ) -> Result<Compiled, BuildError> {
        let package = service.package.clone();
        let platform = image.platform;
        events(Event::Compiling {
            package: package.clone(),
            platform: platform.clone(),
            target,
        });
        let turn = self.turn(target, events)?;
        let built = cargo::compile(
            &self.environment,
            &self.workspace,
            &self.toolchain,
            service,
            target,
            &self.options,
            &mut |note| match note {
                Note::Diagnostic(line) => events(Event::Diagnostic {
                    line: line.to_owned(),
                }),
                Note::ForeignHeaders => events(Event::ForeignHeaders { target }),
            },
        )?;
        let may_wait = target.libc == Libc::Musl
            && service.settings.allocator != Some(Allocator::Musl)
            && !allocator::is_replaced(&built.packages);
        let (mut binaries, mut waits) = (Vec::new(), false);
        for (bin, path) in &built.binaries {
            let binary = self.checked(path, &package, &built, image, events)?;
            waits |= may_wait && self.has_threads(&binary)?;
            binaries.push(self.audited(service, target, &built, bin, binary)?);
        }
        // The binaries are open, whatever replaces them.
        drop(turn);
        if waits {
            let package = package.clone();
            events(Event::MuslAllocator { package });
        }
        events(Event::Compiled {
            package,
            platform: platform.clone(),
            binary_bytes: binaries.iter().map(|binary| binary.bytes).sum(),
        });
        let (mut layers, mut bills) = (Vec::new(), Vec::new());
        for ((bin, _), binary) in built.binaries.iter().zip(binaries) {
            if self.options.sbom.is_wanted() {
                let compiled = sbom::Compiled {
                    bin,
                    platform,
                    triple: target.triple,
                    digest: binary.digest,
                    packages: &built.packages,
                    created: &image::rfc3339(self.options.created),
                };
                bills.push(self.bill(service, &compiled, events)?);
            }
            let mut files = Files::default();
            files.open_file(&image_path(bin), 0o755, binary.file, binary.bytes);
            layers.push(files);
        }
        Ok(Compiled {
            layers,
            bills,
            packages: built.all_packages,
        })
    }

    /// Opens a binary, and checks that it runs in the image and contains no path of this machine.
    fn checked(
        &self,
        path: &Path,
        package: &str,
        built: &Build,
        image: Surroundings<'_>,
        events: &mut dyn FnMut(Event),
    ) -> Result<Binary, BuildError> {
        let file = File::open(path).map_err(|error| cannot(path, error))?;
        fit::check(path, &file, BIN_DIRECTORY, image, &mut |base, bytes| {
            let base = base.to_owned();
            events(Event::ReadingBase { base, bytes });
        })?;
        let binary = self.binary(path, file)?;
        self.check_paths(&binary, package, built, events)?;
        Ok(binary)
    }

    /// The binary that goes into the image: with its list of crates, unless that is disabled.
    fn audited(
        &self,
        service: &Service,
        target: Target,
        built: &Build,
        bin: &str,
        binary: Binary,
    ) -> Result<Binary, BuildError> {
        if !self.options.auditable {
            return Ok(binary);
        }
        let copy = self.audited_path(service, target, bin);
        let original = (&*binary.path, &binary.file);
        let embedded = auditable::embed(&self.workspace, service, built, original, copy)?;
        match embedded {
            Some(embedded) => self.binary(&embedded.path, embedded.file),
            None => Ok(binary),
        }
    }

    fn binary(&self, path: &Path, file: File) -> Result<Binary, BuildError> {
        let digest = file_digest::digest(&self.cache, &file);
        let metadata = file.metadata().map_err(|error| cannot(path, error))?;
        Ok(Binary {
            path: path.to_owned(),
            digest: digest.map_err(|error| cannot(path, error))?,
            bytes: metadata.len(),
            file,
        })
    }

    /// The path of a binary with its list of crates: in Cargo's target directory, so that `cargo clean` removes
    /// it.
    fn audited_path(&self, service: &Service, target: Target, bin: &str) -> PathBuf {
        let directory = self.workspace.target_dir().join("imagebuilder-auditable");
        let profile = &self.options.cargo.profile;
        directory
            .join(target.triple)
            .join(profile)
            .join(&service.package)
            .join(bin)
    }

    /// The bill of materials of a binary, which is also written to a file if requested.
    fn bill(
        &self,
        service: &Service,
        compiled: &sbom::Compiled<'_>,
        events: &mut dyn FnMut(Event),
    ) -> Result<Bill, BuildError> {
        let SbomOptions {
            format, directory, ..
        } = &self.options.sbom;
        let bill = sbom::bill(*format, &self.workspace, service, compiled, || {
            let flags = self.options.cargo.lock_flags();
            self.workspace
                .dependencies(&self.environment, service, compiled.triple, flags)
        })?;
        if let Some(directory) = directory {
            let path = bill.write(directory)?;
            events(Event::Sbom { path });
        }
        Ok(bill)
    }

    fn has_threads(&self, binary: &Binary) -> Result<bool, BuildError> {
        let key = binary.digest.to_string();
        if let Some(known) = self.cache.get("threads", &key) {
            return Ok(known);
        }
        let threads = allocator::has_threads(&binary.file);
        let threads = threads.map_err(|error| cannot(&binary.path, error))?;
        self.cache.put("threads", &key, &threads);
        Ok(threads)
    }

    /// Searches for paths of this machine, which `env!` or a build script may have put into a program.
    fn check_paths(
        &self,
        binary: &Binary,
        package: &str,
        built: &Build,
        events: &mut dyn FnMut(Event),
    ) -> Result<(), BuildError> {
        let paths = PathMap::new(&self.environment, &self.workspace, &self.toolchain);
        let outside = paths.outside(&built.folders);
        let key = format!("{} {paths:?} {outside:?}", binary.digest);
        let known: Option<Option<String>> = self.cache.get("paths", &key);
        let found = if let Some(found) = known {
            found
        } else {
            let found = scan_paths::find(&binary.file, &paths, &outside);
            let found = found.map_err(|error| cannot(&binary.path, error))?;
            self.cache.put("paths", &key, &found);
            found
        };
        match found {
            Some(found) if self.options.deny_paths => Err(BuildError::Path {
                path: binary.path.clone(),
                found,
            }),
            Some(found) => {
                let package = package.to_owned();
                events(Event::Path { package, found });
                Ok(())
            }
            None => Ok(()),
        }
    }
}
