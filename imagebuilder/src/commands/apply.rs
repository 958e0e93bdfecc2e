//! `imagebuilder apply`.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use super::CommandError;
use super::context::Context;
use super::resolve::resolved;
use crate::args::Apply;

pub(super) fn run(context: &Context, args: &Apply) -> Result<(), CommandError> {
    let manifests = resolved(context, &args.resolve)?;
    let mut command = Command::new("kubectl");
    command
        .args(["apply", "--filename", "-"])
        .args(&args.kubectl_arguments)
        .stdin(Stdio::piped());
    let mut running = context
        .environment
        .interrupts
        .spawn(&mut command)
        .map_err(CommandError::Kubectl)?;
    let mut stdin = running.child().stdin.take().expect("it is piped");
    match stdin.write_all(manifests.as_bytes()) {
        // It has exited early; its status is checked below.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.map_err(CommandError::Kubectl)?,
    }
    drop(stdin);
    let status = running.child().wait().map_err(CommandError::Kubectl)?;
    if status.success() {
        Ok(())
    } else {
        Err(CommandError::KubectlFailed { status })
    }
}
