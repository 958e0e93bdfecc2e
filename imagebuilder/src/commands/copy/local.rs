//! Copies to this machine: into a layout, a tar or the container engine.

use std::io;
use std::path::Path;

use oci::copy::{CopyError, Source};
use oci::layout::{Layout, LayoutError};

use super::super::repository::expect_digest_of;
use super::super::{CommandError, CopyFailure};
use super::job::Job;
use super::pack::pack;
use crate::place::{Local, Store};

/// Copies to `local`. The copy's name is `name`, unless `local` has another.
pub(super) fn copy_to_local<S: Source>(
    job: &Job<'_, S>,
    local: &Local,
    name: Option<String>,
) -> Result<(), CommandError>
where
    CopyFailure: From<CopyError<S::Error, LayoutError>> + From<CopyError<S::Error, io::Error>>,
{
    let named = match &local.image {
        Some(image) => {
            expect_digest_of(image, job.root)?;
            Some(image.clone().without_digest().to_string())
        }
        None => None,
    };
    let name = named.or(name);
    match &local.store {
        Store::Layout(path) if job.args.dry_run => {
            job.report_plan(existing(path)?, name.as_deref())?;
        }
        Store::Layout(path) => job.copy_to(&Layout::create(path)?, name.as_deref())?,
        Store::Archive(_) | Store::Engine => pack(job, local, name)?,
    }
    job.print(&job.root.digest.to_string())
}

/// The layout at `path`, if it exists.
fn existing(path: &Path) -> Result<Option<Layout>, LayoutError> {
    let is_empty = || {
        path.read_dir()
            .is_ok_and(|mut entries| entries.next().is_none())
    };
    if !path.exists() || is_empty() {
        return Ok(None);
    }
    Layout::open(path).map(Some)
}
