//! Which exit code an error means, and what can be done about it.

use std::error::Error;
use std::io;

use cli::{Exit, Verdict};
use oci::layout::LayoutError;

use crate::containerd;
use crate::images::{ImportError, LookupError};
use crate::manifest::{CheckError, ReadError};
use crate::network;
use crate::play::InstanceError;
use crate::publish::BindError;
use crate::spec::UserError;

/// A wrong setting or manifest, found by a command.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, hint: Option<&str>) -> Self {
        Self {
            message: message.into(),
            hint: hint.map(str::to_owned),
        }
    }
}

/// The program was told to stop before it had anything to end.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(super) struct Interrupted;

/// The verdict on one link of an error's chain.
pub(super) fn classify(error: &(dyn Error + 'static)) -> Option<Verdict> {
    if let Some(wrong) = error.downcast_ref::<Wrong>() {
        return verdict(Exit::Usage, wrong.hint.as_deref());
    }
    if error.is::<Interrupted>() {
        return verdict(Exit::Interrupted, None);
    }
    if let Some(error) = error.downcast_ref::<containerd::Error>() {
        return of_containerd(error);
    }
    if let Some(error) = error.downcast_ref::<ImportError>() {
        return match error {
            ImportError::Containerd(error) => of_containerd(error),
            error if error.is_mismatch() => verdict(
                Exit::Mismatch,
                Some("the layout is damaged: build the image again"),
            ),
            _ => verdict(Exit::Failed, None),
        };
    }
    if let Some(LookupError::Containerd(error)) = error.downcast_ref() {
        return of_containerd(error);
    }
    if let Some(error) = error.downcast_ref::<LayoutError>() {
        return if error.is_mismatch() {
            verdict(
                Exit::Mismatch,
                Some("the layout is damaged: build the image again"),
            )
        } else {
            verdict(Exit::Usage, None)
        };
    }
    if let Some(error) = error.downcast_ref::<CheckError>() {
        let hint = matches!(error, CheckError::Unresolved { .. }).then_some(
            "`imagebuilder resolve -f MANIFEST --output oci:DIR` builds the image and writes its name",
        );
        return verdict(Exit::Usage, hint);
    }
    if error.is::<ReadError>() || error.is::<UserError>() {
        return verdict(Exit::Usage, None);
    }
    if let Some(error) = error.downcast_ref::<BindError>() {
        let hint = match error.source.kind() {
            io::ErrorKind::AddrInUse => "choose another port with --publish PORT:SERVICEPORT",
            io::ErrorKind::PermissionDenied => "ports below 1024 need root",
            _ => "choose an address of this machine with --publish ADDRESS:PORT:SERVICEPORT",
        };
        return verdict(Exit::Usage, Some(hint));
    }
    if let Some(InstanceError::Locked { .. }) = error.downcast_ref() {
        return verdict(
            Exit::Failed,
            Some("`nodectl down` ends it; another --namespace runs beside it"),
        );
    }
    if let Some(error) = error.downcast_ref::<network::Error>() {
        let wrong = matches!(
            error,
            network::Error::Overlap { .. }
                | network::Error::OtherSubnet { .. }
                | network::Error::NoFreeSubnet
        );
        if wrong {
            return verdict(Exit::Usage, Some("choose another subnet with --pod-cidr"));
        }
        if error.is_permission() {
            return verdict(Exit::Failed, Some("pod networks need root"));
        }
    }
    None
}

fn of_containerd(error: &containerd::Error) -> Option<Verdict> {
    let hint = match error {
        containerd::Error::Socket { source, .. } => match source.kind() {
            io::ErrorKind::NotFound => {
                "is containerd installed and running? --address names another socket"
            }
            io::ErrorKind::PermissionDenied => "the socket is root's: run this with sudo",
            _ => "containerd does not run any more: start it again",
        },
        containerd::Error::Namespace { .. } => return verdict(Exit::Usage, None),
        _ => "",
    };
    let exit = if error.is_unavailable() {
        Exit::Unreachable
    } else {
        Exit::Failed
    };
    verdict(exit, Some(hint).filter(|hint| !hint.is_empty()))
}

#[expect(clippy::unnecessary_wraps, reason = "every caller returns an option")]
fn verdict(exit: Exit, hint: Option<&str>) -> Option<Verdict> {
    Some(Verdict {
        exit,
        hint: hint.map(str::to_owned),
    })
}
