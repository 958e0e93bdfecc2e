//! Copies into a tar, or through a tar into the container engine.

use std::io::{self, Read};

use oci::archive::{Archive, ArchiveReader};
use oci::copy::{CopyError, Source, Stored};
use oci::referrers::find_referrers;
use oci::{Platform, Reference};

use super::super::context::Context;
use super::super::progress::show;
use super::super::{CommandError, CopyFailure, tar_file};
use super::job::Job;
use crate::engine::Engine;
use crate::place::{Local, Store};
use crate::registry::PublishEvent;

/// Copies the image into a tar, or through a tar into the container engine.
pub(super) fn pack<S: Source>(
    job: &Job<'_, S>,
    local: &Local,
    name: Option<String>,
) -> Result<(), CommandError>
where
    CopyFailure: From<CopyError<S::Error, io::Error>>,
{
    let &Job {
        context,
        args,
        source,
        root,
    } = job;
    if args.referrers && local.store == Store::Engine {
        return Err(CommandError::EngineReferrers);
    }
    let failed = |error: CopyError<S::Error, io::Error>| job.failed(error);
    let digest = root.digest;
    // Without a name it is reported by its digest.
    let name = name.unwrap_or_else(|| digest.hex());
    let name: Reference = name.parse().map_err(|source| CommandError::Name {
        layout: args.source.to_string().into(),
        digest,
        source,
    })?;
    let images = [(name, root.clone())];
    let referrers = if args.referrers {
        find_referrers(source, root).map_err(failed)?
    } else {
        Vec::new()
    };
    let archive = |platform: Option<&Platform>| {
        Archive::new(source, &images, &referrers, platform).map_err(failed)
    };
    let (from, to) = (&args.source, &args.destination);
    if let Store::Archive(path) = &local.store {
        let archive = archive(args.platform.as_ref())?;
        let size = cli::Bytes(archive.size());
        let status = |done: &str| {
            let and = match referrers.len() {
                0 => String::new(),
                1 => " and 1 referrer".to_owned(),
                count => format!(" and {count} referrers"),
            };
            context
                .printer
                .status(&format!("{done} {from}{and} to {to}: {size}"));
        };
        if args.dry_run {
            status("Would copy");
            return Ok(());
        }
        let written = read(context, &archive, |tar| tar_file::write(path, tar));
        written.map_err(|source| failed(CopyError::Write { digest, source }))?;
        status("Copied");
        return Ok(());
    }
    let engine = Engine::new(&context.environment.engine)?;
    let archive = archive(Some(&engine.platform()?))?;
    let size = archive.size();
    if args.dry_run {
        let bytes = cli::Bytes(size);
        let status = format!("Would copy {from} to {to}: {bytes}");
        context.printer.status(&status);
        return Ok(());
    }
    for line in read(context, &archive, |tar| engine.load(tar, size))? {
        context.printer.status(&line);
    }
    Ok(())
}

/// Shows the progress of `work`, which reads the tar.
fn read<S: Source, T>(
    context: &Context,
    archive: &Archive<'_, S>,
    work: impl FnOnce(&mut dyn Read) -> T,
) -> T {
    show(context, |_, events| {
        events(PublishEvent::Blobs {
            count: archive.blobs().count() as u64,
            bytes: archive.blobs().map(|blob| blob.size).sum(),
        });
        let tar = archive.reader();
        work(&mut ProgressReader { tar, events })
    })
}

/// Reports which blob of a tar is being read, and its progress.
struct ProgressReader<'a, S> {
    tar: ArchiveReader<'a, S>,
    events: &'a (dyn Fn(PublishEvent) + Sync),
}

impl<S: Source> Read for ProgressReader<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.tar.read(buffer)?;
        if let Some((blob, bytes)) = self.tar.blob().filter(|_| count > 0) {
            let (digest, size) = (blob.digest, blob.size);
            (self.events)(PublishEvent::Sending {
                digest,
                sent_bytes: bytes,
                total_bytes: size,
            });
            if bytes == size {
                let stored = Stored::Sent;
                (self.events)(PublishEvent::Blob {
                    digest,
                    size,
                    stored,
                });
            }
        }
        Ok(count)
    }
}
