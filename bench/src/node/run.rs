//! One run: the kubelet's pods first, then those of `nodectl up`.

use std::path::{Path, PathBuf};
use std::process::Command;

use cli::Printer;

use super::containerd::{Containerd, run as run_command};
use super::kubelet::Pods;
use super::own::Up;
use super::results::{Results, SCHEMA_VERSION};
use super::timing::{Timing, compare};
use crate::machine;

/// The namespace of `nodectl up`.
const OWN_NAMESPACE: &str = "nodectl";

/// The inputs of a run.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub(crate) root: PathBuf,
    pub(crate) nodectl: PathBuf,
    pub(crate) crictl: PathBuf,
    /// An archive with the image of every container.
    pub(crate) image: PathBuf,
    pub(crate) pods: usize,
    pub(crate) containers: usize,
    pub(crate) rounds: usize,
}

/// Measures nodectl and its peers.
///
/// # Errors
/// If containerd or a pod cannot be started, or a command fails.
pub(crate) fn run(inputs: &Inputs, printer: Printer) -> anyhow::Result<Results> {
    let Inputs {
        pods,
        containers,
        rounds,
        ..
    } = *inputs;
    let version = |program: &Path| run_command(Command::new(program).arg("--version"));
    let containerd_version = version(Path::new("containerd"))?;
    let crictl_version = version(&inputs.crictl)?;
    let mut machine = machine::describe(&inputs.root);
    let containerd = Containerd::start()?;
    let image = inputs.image.display().to_string();
    for namespace in ["k8s.io", OWN_NAMESPACE] {
        containerd.ctr(namespace, &["images", "import", &image])?;
    }
    let nodectl = |words: &[&str]| {
        let mut command = Command::new(&inputs.nodectl);
        command.env("CONTAINERD_ADDRESS", containerd.socket());
        command.args(words);
        command
    };
    let all = pods * containers;
    let timing = |name, command, lines| Timing {
        name,
        command,
        lines,
    };
    let mut pairs = Vec::new();
    {
        printer.status(&format!("{pods} pods by crictl"));
        let kubelet = Pods::create(&containerd, &inputs.crictl, pods, containers)?;
        for (ours, other, word, lines) in [
            ("nodectl -k ps", "crictl ps", "ps", all),
            ("nodectl -k pods", "crictl pods", "pods", pods),
        ] {
            printer.status(&format!("{rounds} rounds of `{ours}` and `{other}`"));
            let mut crictl = kubelet.crictl();
            crictl.arg(word);
            let ours = timing(ours, nodectl(&["-k", word]), lines);
            pairs.push(compare(ours, timing(other, crictl, lines), 1.0, rounds)?);
        }
        printer.status("Removing them");
    }
    printer.status(&format!("{pods} pods by `nodectl up`"));
    let up = Up::start(&containerd, &inputs.nodectl, pods, containers)?;
    printer.status(&format!("{rounds} rounds of `nodectl ps` and `ctr t ls`"));
    let mut ours = up.command();
    ours.arg("ps");
    let mut ctr = containerd.ctr_command(OWN_NAMESPACE);
    ctr.args(["tasks", "ls"]);
    let ours = timing("nodectl ps", ours, all);
    pairs.push(compare(
        ours,
        timing("ctr tasks ls", ctr, all),
        0.7,
        rounds,
    )?);
    drop(up);
    machine.load_after = machine::load();
    Ok(Results {
        schema_version: SCHEMA_VERSION,
        machine,
        containerd: containerd_version,
        crictl: crictl_version,
        pods,
        containers,
        rounds,
        pairs,
    })
}
