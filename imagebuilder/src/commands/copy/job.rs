//! The copy of one image, to any destination or as a dry run.

use oci::Descriptor;
use oci::copy::{CopyError, Destination, Source};
use oci::referrers::Referrers;

use super::super::context::Context;
use super::super::progress::show;
use super::super::{CommandError, CopyFailure};
use crate::args::Copy;
use crate::registry::{DryRun, Holdings, Plan, PublishEvent, TransferOptions, transfer};

/// An image, and the command that copies it.
pub(super) struct Job<'a, S> {
    pub(super) context: &'a Context,
    pub(super) args: &'a Copy,
    pub(super) source: &'a S,
    /// The manifest or index of the image.
    pub(super) root: &'a Descriptor,
}

impl<S: Source> Job<'_, S> {
    /// Copies the image to `destination`, as `name` if it has one there.
    pub(super) fn copy_to<D: Destination>(
        &self,
        destination: &D,
        name: Option<&str>,
    ) -> Result<(), CommandError>
    where
        CopyFailure: From<CopyError<S::Error, D::Error>>,
    {
        let names: Vec<&str> = name.into_iter().collect();
        let (source, root) = (self.source, self.root);
        let (from, to) = (
            self.args.source.to_string(),
            self.args.destination.to_string(),
        );
        let copied = show(self.context, |elapsed, events| {
            let started = elapsed();
            let summary = transfer(source, destination, root, &names, self.options(), events)?;
            let summary = summary.in_time(elapsed().saturating_sub(started));
            events(PublishEvent::Copied(from, to, summary));
            Ok(())
        });
        copied.map_err(|error: CopyError<_, _>| self.failed(error))
    }

    /// Reports what [`Self::copy_to`] would do.
    pub(super) fn report_plan<H: Holdings>(
        &self,
        holdings: H,
        name: Option<&str>,
    ) -> Result<(), CommandError>
    where
        CopyFailure: From<CopyError<S::Error, H::Error>>,
    {
        let names: Vec<&str> = name.into_iter().collect();
        let dry_run = DryRun::new(holdings);
        let (source, root) = (self.source, self.root);
        let copied = transfer(source, &dry_run, root, &names, self.options(), &|_| {});
        let summary = copied.map_err(|error| self.failed(error))?;
        let plan = Plan {
            what: format!("copy {} to {}", self.args.source, self.args.destination),
            summary,
            names: dry_run.into_names(),
        };
        self.context.printer.status(&plan.to_string());
        Ok(())
    }

    /// Prints the name of the copy, if there is one.
    pub(super) fn print(&self, name: &str) -> Result<(), CommandError> {
        if self.args.dry_run {
            return Ok(());
        }
        let printed = self.context.printer.data(name);
        printed.map_err(CommandError::Stdout)
    }

    /// The command's error for an error of the copy.
    pub(super) fn failed<E>(&self, error: E) -> CommandError
    where
        CopyFailure: From<E>,
    {
        CommandError::Copy {
            source: error.into(),
            from: self.args.source.to_string(),
            to: self.args.destination.to_string(),
        }
    }

    fn options(&self) -> TransferOptions<'static> {
        TransferOptions {
            check: self.args.check,
            referrers: if self.args.referrers {
                Referrers::All
            } else {
                Referrers::These(&[])
            },
        }
    }
}
