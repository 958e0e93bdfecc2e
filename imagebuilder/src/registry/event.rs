//! The events of a push or copy.

use std::fmt;
use std::time::Duration;

use cli::Bytes;
use oci::copy::Stored;
use oci::{Descriptor, Digest, Reference};

/// The progress of a publisher.
#[derive(Clone, Debug)]
pub(crate) enum PublishEvent {
    /// A repository was created by this program.
    #[cfg(feature = "ecr")]
    Created(String),
    /// A repository was created by the registry, when the image was pushed to it.
    #[cfg(feature = "ecr")]
    CreatedOnPush(String),
    /// A layer that may not be distributed was not sent.
    Foreign(Descriptor),
    /// The blobs of an image, some of which may be there.
    Blobs { count: u64, bytes: u64 },
    /// A blob is being sent.
    Sending {
        digest: Digest,
        sent_bytes: u64,
        total_bytes: u64,
    },
    /// The destination has a blob.
    Blob {
        digest: Digest,
        size: u64,
        stored: Stored,
    },
    /// The registry has the image.
    Pushed(Reference, Summary),
    /// The image was copied.
    Copied(String, String, Summary),
    /// The result of a dry run.
    Planned(Plan),
}

/// The result of a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The operation, such as `push NAME`.
    pub(crate) what: String,
    pub(crate) summary: Summary,
    /// The names that would change.
    pub(crate) names: Vec<NameChange>,
}

/// A name that would refer to another image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameChange {
    pub(crate) name: String,
    /// The image that it refers to now.
    pub(crate) before: Option<Digest>,
}

/// The result of a push.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) blobs: u64,
    pub(crate) present: u64,
    pub(crate) mounted: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) referrers: u64,
    /// The image already existed, and its blobs were checked.
    pub(crate) was_there: bool,
    pub(crate) time: Duration,
}

impl Summary {
    /// The number of blobs, and what was done with the missing ones.
    fn counts(&self, done: &str) -> String {
        let Self {
            blobs,
            present,
            mounted,
            sent_bytes,
            was_there,
            ..
        } = self;
        let bytes = Bytes(*sent_bytes);
        let mounted = match mounted {
            0 => String::new(),
            mounted => format!("{mounted} mounted, "),
        };
        let missing = blobs - present;
        let mended = if *was_there && missing > 0 {
            format!("; {missing} were missing from an image that was already there")
        } else {
            String::new()
        };
        format!("{blobs} blobs ({present} already there, {mounted}{bytes} {done}){mended}")
    }

    /// Whether the destination had everything.
    fn is_nothing(&self) -> bool {
        self.blobs == self.present && (self.blobs == 0 || self.was_there)
    }

    fn referrers(&self) -> String {
        match self.referrers {
            0 => String::new(),
            1 => " and 1 referrer".to_owned(),
            count => format!(" and {count} referrers"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            summary,
            names,
        } = self;
        let counts = if summary.is_nothing() {
            "everything is already there".to_owned()
        } else {
            summary.counts("to send")
        };
        write!(f, "Would {what}{}: {counts}", summary.referrers())?;
        for NameChange { name, before } in names {
            match before {
                Some(before) => write!(f, "; `{name}` refers to {before} now")?,
                None => write!(f, "; `{name}` is new")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for PublishEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "ecr")]
            Self::Created(name) => write!(f, "Created repository {name}"),
            #[cfg(feature = "ecr")]
            Self::CreatedOnPush(name) => {
                write!(f, "The registry created repository {name} for the push")
            }
            Self::Foreign(descriptor) => write!(
                f,
                "Not sent: {}, a `{}`, which may not be distributed",
                descriptor.digest, descriptor.media_type
            ),
            Self::Blobs { count, bytes } => write!(f, "{count} blobs, {}", Bytes(*bytes)),
            Self::Sending {
                digest,
                sent_bytes,
                total_bytes,
            } => {
                let (sent, total) = (Bytes(*sent_bytes), Bytes(*total_bytes));
                write!(f, "Sending {digest}: {sent} of {total}")
            }
            Self::Blob {
                digest,
                size,
                stored,
            } => {
                let what = match stored {
                    Stored::Present => "Already there",
                    Stored::Mounted => "Mounted",
                    Stored::Sent => "Sent",
                };
                write!(f, "{what} {digest}: {}", Bytes(*size))
            }
            Self::Copied(from, to, summary) => write!(
                f,
                "Copied {from}{} to {to}: {} in {:.1}s",
                summary.referrers(),
                summary.counts("copied"),
                summary.time.as_secs_f64()
            ),
            Self::Planned(plan) => plan.fmt(f),
            Self::Pushed(reference, summary) if summary.is_nothing() => {
                write!(
                    f,
                    "Pushed {reference}{}: everything was already there in {:.1}s",
                    summary.referrers(),
                    summary.time.as_secs_f64()
                )
            }
            Self::Pushed(reference, summary) => write!(
                f,
                "Pushed {reference}{}: {} in {:.1}s",
                summary.referrers(),
                summary.counts("sent"),
                summary.time.as_secs_f64()
            ),
        }
    }
}
