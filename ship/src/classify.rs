//! How each kind of error ends the program, and what to do about it.

use std::error::Error;

use cli::{Exit, Verdict};

use crate::deploy::WrongCluster;
use crate::kubectl::KubectlError;
use crate::manifests::{ManifestError, NotBuilt};

pub(super) fn classify(error: &(dyn Error + 'static)) -> Option<Verdict> {
    let verdict = |exit, hint: String| {
        Some(Verdict {
            exit,
            hint: Some(hint),
        })
    };
    if let Some(error) = error.downcast_ref::<KubectlError>() {
        return match error {
            KubectlError::NoContext { known } | KubectlError::UnknownContext { known, .. } => {
                verdict(
                    Exit::Usage,
                    if known.is_empty() {
                        "the kubeconfig has no context; `make kubeconfig` adds one".to_owned()
                    } else {
                        format!("name one with --context or CONTEXT=: {}", known.join(", "))
                    },
                )
            }
            KubectlError::Start(_) => verdict(
                Exit::Usage,
                "install kubectl: https://kubernetes.io/docs/tasks/tools".to_owned(),
            ),
            KubectlError::Failed { message, .. }
                if message.contains("Unable to connect") || message.contains("was refused") =>
            {
                verdict(
                    Exit::Unreachable,
                    "is the cluster up, and the kubeconfig current?".to_owned(),
                )
            }
            KubectlError::Failed { message, .. } if message.contains("Unauthorized") => verdict(
                Exit::Authentication,
                "`aws sts get-caller-identity` shows who you are".to_owned(),
            ),
            _ => None,
        };
    }
    if error.is::<WrongCluster>() {
        return verdict(
            Exit::Usage,
            "choose the cluster with --context, or another OVERLAY".to_owned(),
        );
    }
    if let Some(error) = error.downcast_ref::<ManifestError>() {
        let hint = match error {
            ManifestError::NoOverlay { known, .. } if !known.is_empty() => {
                Some(format!("OVERLAY= one of: {}", known.join(", ")))
            }
            _ => None,
        };
        return Some(Verdict {
            exit: Exit::Usage,
            hint,
        });
    }
    if let Some(NotBuilt(status)) = error.downcast_ref() {
        // Its own words and hint are on stderr already; what is left to pass on is the code.
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        let exit = Exit::ALL.into_iter().find(|exit| Some(exit.code()) == code);
        return Some(Verdict {
            exit: exit.unwrap_or(Exit::Failed),
            hint: None,
        });
    }
    None
}
