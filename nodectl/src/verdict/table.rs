//! Every variant of every error, with its exit code and whether it has a hint.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use cli::input::InputError;
use cli::{Verdict, verdict_table};
use containerd_client::tonic::Code;
use oci::image::{DocumentError, NoPlatform};
use oci::layout::LayoutError;
use oci::{Descriptor, Digest, MediaType, Mismatch, Platform, Reference};

use super::library::{layout_exit, layout_hint};
use crate::commands::{CommandError, UsageError};
use crate::containerd;
use crate::images::{ImportError, LookupError};
use crate::manifest::{CheckError, ReadError};
use crate::network;
use crate::node::SelectError;
use crate::play::{InstanceError, SandboxError, SweepError};
use crate::publish::BindError;
use crate::spec::UserError;

const HINT: bool = true;
const NONE: bool = false;

fn text() -> String {
    "x".to_owned()
}

fn path() -> PathBuf {
    PathBuf::from("/x")
}

fn failure(kind: io::ErrorKind) -> io::Error {
    kind.into()
}

fn other() -> io::Error {
    io::Error::other("x")
}

fn status(code: Code) -> containerd::Error {
    containerd::Error::Status {
        call: "tasks.Get",
        object: text(),
        code,
        message: text(),
    }
}

/// The error of a call during which containerd was lost.
fn lost() -> containerd::Error {
    status(Code::Unavailable)
}

fn denied() -> network::Error {
    network::Error::Setup {
        action: "x",
        source: failure(io::ErrorKind::PermissionDenied),
    }
}

fn no_platform() -> NoPlatform {
    NoPlatform {
        wanted: Platform::host(),
        available: text(),
    }
}

fn document() -> DocumentError {
    DocumentError::TooLarge { what: "x", size: 1 }
}

fn mismatch() -> Mismatch {
    Mismatch::Digest {
        expected: Digest::of(b"a"),
        actual: Digest::of(b"b"),
    }
}

fn damaged() -> LayoutError {
    LayoutError::Damaged {
        path: path(),
        source: mismatch(),
    }
}

#[test]
fn containerd_and_layouts() {
    verdict_table! { Verdict::of, containerd::Error,
        containerd::Error::Socket { .. } => containerd::Error::Socket {
            path: path(), source: failure(io::ErrorKind::NotFound),
        }, Unreachable, HINT;
        containerd::Error::Namespace { .. } =>
            containerd::Error::Namespace { name: text() }, Usage, NONE;
        containerd::Error::Status { .. } => lost(), Unreachable, HINT;
        containerd::Error::Status { .. } => status(Code::NotFound), Failed, NONE;
        containerd::Error::Deadline { .. } => containerd::Error::Deadline {
            call: "x", object: text(), after: Duration::from_secs(1),
        }, Unreachable, NONE;
        containerd::Error::Incomplete { .. } => containerd::Error::Incomplete {
            call: "x", object: text(), part: "x",
        }, Failed, NONE;
    }
    let layout = |error: &LayoutError| Verdict {
        exit: layout_exit(error),
        hint: layout_hint(error),
    };
    verdict_table! { layout, LayoutError,
        LayoutError::NotALayout { .. } =>
            LayoutError::NotALayout { path: path(), problem: "x" }, Usage, NONE;
        LayoutError::NotAnArchive { .. } =>
            LayoutError::NotAnArchive { path: path(), problem: "x" }, Usage, NONE;
        LayoutError::Io { .. } => LayoutError::Io {
            operation: "read", path: path(), source: other(),
        }, Failed, NONE;
        LayoutError::Document { .. } =>
            LayoutError::Document { path: path(), source: document() }, Failed, NONE;
        LayoutError::MissingBlob { .. } =>
            LayoutError::MissingBlob { path: path(), digest: Digest::of(b"") }, Failed, HINT;
        LayoutError::Damaged { .. } => damaged(), Mismatch, HINT;
        LayoutError::WrongKind { .. } => LayoutError::WrongKind {
            descriptor: Box::new(Descriptor::new(MediaType::OCI_INDEX, Digest::of(b""), 0)),
            wanted: "x",
        }, Failed, NONE;
        LayoutError::NoPlatform { .. } => LayoutError::NoPlatform {
            path: path(), digest: Digest::of(b""), source: Box::new(no_platform()),
        }, Usage, NONE;
        LayoutError::NoSuchImage { .. } => LayoutError::NoSuchImage {
            path: path(),
            reference: Box::new("x".parse::<Reference>().unwrap()),
            available: text(),
        }, Usage, NONE;
    }
}

#[test]
fn images() {
    verdict_table! { Verdict::of, ImportError,
        ImportError::Containerd(_) => lost().into(), Unreachable, HINT;
        ImportError::Layout(_) => damaged().into(), Mismatch, HINT;
        ImportError::Blob { .. } => ImportError::Blob {
            layout: path(), digest: Digest::of(b""), source: other(),
        }, Failed, NONE;
        ImportError::Blob { .. } => ImportError::Blob {
            layout: path(), digest: Digest::of(b""), source: mismatch().into(),
        }, Mismatch, HINT;
        ImportError::DiffIds { .. } => ImportError::DiffIds {
            layout: path(), config: Digest::of(b""), layers: 1,
        }, Failed, HINT;
        ImportError::Platform { .. } =>
            ImportError::Platform { layout: path(), source: Box::new(no_platform()) }, Usage, HINT;
        ImportError::DiffId { .. } => ImportError::DiffId {
            layer: Digest::of(b""), expected: Digest::of(b""), applied: text(),
        }, Mismatch, HINT;
    }
    verdict_table! { Verdict::of, LookupError,
        LookupError::Containerd(_) => lost().into(), Unreachable, HINT;
        LookupError::Document { .. } => LookupError::Document {
            name: text(), digest: text(), source: document(),
        }, Failed, NONE;
        LookupError::Platform { .. } =>
            LookupError::Platform { name: text(), source: Box::new(no_platform()) }, Usage, NONE;
        LookupError::Accounts { .. } =>
            LookupError::Accounts { name: text(), source: other() }, Failed, NONE;
        LookupError::Name(_) => "A".parse::<Reference>().unwrap_err().into(), Usage, NONE;
        LookupError::NotUnpacked { .. } =>
            LookupError::NotUnpacked { name: text(), chain_id: text() }, Failed, HINT;
    }
}

#[test]
fn manifests() {
    verdict_table! { Verdict::of, ReadError,
        ReadError::Yaml { .. } =>
            ReadError::Yaml { origin: text(), message: text() }, Usage, NONE;
        ReadError::NotAnObject { .. } =>
            ReadError::NotAnObject { origin: text(), number: 1, problem: "x" }, Usage, NONE;
        ReadError::Workload { .. } =>
            ReadError::Workload { origin: text(), kind: text(), name: text() }, Usage, HINT;
        ReadError::Unsupported { .. } => ReadError::Unsupported {
            origin: text(), kind: text(), name: text(), fields: Vec::new(),
        }, Usage, NONE;
        ReadError::Shape { .. } => ReadError::Shape {
            origin: text(), kind: text(), name: text(), message: text(),
        }, Usage, NONE;
        ReadError::ApiVersion { .. } => ReadError::ApiVersion {
            origin: text(), kind: "x", name: text(), api_version: text(), wanted: "v1",
        }, Usage, NONE;
    }
    verdict_table! { Verdict::of, CheckError,
        CheckError::NoDeployment { .. } =>
            CheckError::NoDeployment { found: Vec::new() }, Usage, NONE;
        CheckError::Duplicate { .. } => CheckError::Duplicate {
            origin: text(), first: text(), kind: "Service", namespace: text(), name: text(),
        }, Usage, NONE;
        CheckError::Invalid { .. } =>
            CheckError::Invalid { origin: text(), object: text(), problems: Vec::new() }, Usage, NONE;
        CheckError::Unresolved { .. } => CheckError::Unresolved {
            origin: text(), deployment: text(), container: text(), image: text(),
        }, Usage, HINT;
    }
    verdict_table! { Verdict::of, UserError,
        UserError::Name(_) => UserError::Name(text()), Usage, NONE;
        UserError::Unknown(_) => UserError::Unknown(text()), Usage, NONE;
        UserError::Root => UserError::Root, Usage, NONE;
    }
}

#[test]
fn the_machine() {
    let subnet = || "10.88.0.0/24".parse::<network::Subnet>().unwrap();
    verdict_table! { Verdict::of, network::Error,
        network::Error::Netlink { .. } => network::Error::Netlink {
            action: "x", link: text(), source: other(),
        }, Failed, NONE;
        network::Error::Setup { .. } => denied(), Failed, HINT;
        network::Error::Namespace { .. } => network::Error::Namespace {
            action: "x", path: path(), source: other(),
        }, Failed, NONE;
        network::Error::Unseen { .. } => network::Error::Unseen { daemon: 1 }, Failed, HINT;
        network::Error::Overlap { .. } =>
            network::Error::Overlap { subnet: subnet(), other: subnet() }, Usage, HINT;
        network::Error::NoFreeSubnet => network::Error::NoFreeSubnet, Usage, HINT;
        network::Error::OtherSubnet { .. } => network::Error::OtherSubnet {
            bridge: text(), wanted: subnet(), actual: subnet(),
        }, Usage, HINT;
        network::Error::NotABridge(_) => network::Error::NotABridge(text()), Failed, NONE;
        network::Error::TooSmall { .. } =>
            network::Error::TooSmall { subnet: subnet(), pods: 1, surge: 1 }, Usage, HINT;
        network::Error::Full { .. } => network::Error::Full { subnet: subnet() }, Failed, NONE;
        network::Error::Foreign { .. } => network::Error::Foreign {
            address: [127, 0, 0, 1].into(), subnet: subnet(),
        }, Failed, NONE;
    }
    verdict_table! { Verdict::of, InstanceError,
        InstanceError::File { .. } => InstanceError::File {
            action: "open", path: path(), source: other(),
        }, Failed, NONE;
        InstanceError::File { .. } => InstanceError::File {
            action: "create", path: path(), source: failure(io::ErrorKind::NotADirectory),
        }, Usage, HINT;
        InstanceError::Locked { .. } =>
            InstanceError::Locked { dir: path(), pid: text() }, Failed, HINT;
        InstanceError::Data { .. } =>
            InstanceError::Data { found: path(), asked: path() }, Usage, HINT;
    }
    verdict_table! { Verdict::of, SandboxError,
        SandboxError::Network(_) => denied().into(), Failed, HINT;
        SandboxError::File { .. } =>
            SandboxError::File { path: path(), source: other() }, Failed, NONE;
        SandboxError::Shared { .. } => SandboxError::Shared {
            action: "x", path: path(), source: other(),
        }, Failed, NONE;
    }
    verdict_table! { Verdict::of, SweepError,
        SweepError::Containerd(_) => lost().into(), Unreachable, HINT;
        SweepError::Network(_) => denied().into(), Failed, HINT;
        SweepError::Sandbox(_) => SandboxError::from(denied()).into(), Failed, HINT;
    }
    verdict_table! { Verdict::of, BindError,
        BindError { .. } => BindError {
            address: ([127, 0, 0, 1], 80).into(), source: failure(io::ErrorKind::AddrInUse),
        }, Usage, HINT;
    }
    verdict_table! { Verdict::of, SelectError,
        SelectError::None(_) => SelectError::None(text()), Usage, HINT;
        SelectError::Several { .. } =>
            SelectError::Several { word: text(), choices: Vec::new() }, Usage, HINT;
    }
}

#[test]
fn commands() {
    verdict_table! { Verdict::of, CommandError,
        CommandError::Usage(_) => UsageError::new("x", None).into(), Usage, NONE;
        CommandError::Usage(_) => UsageError::new("x", Some("x")).into(), Usage, HINT;
        CommandError::Interrupted => CommandError::Interrupted, Interrupted, NONE;
        CommandError::Input(_) => InputError::Empty { directory: path() }.into(), Usage, NONE;
        CommandError::Read(_) =>
            ReadError::Yaml { origin: text(), message: text() }.into(), Usage, NONE;
        CommandError::Check(_) =>
            CheckError::NoDeployment { found: Vec::new() }.into(), Usage, NONE;
        CommandError::Reference(_) => "A".parse::<Reference>().unwrap_err().into(), Usage, NONE;
        CommandError::Containerd(_) => lost().into(), Unreachable, HINT;
        CommandError::Layout(_) => damaged().into(), Mismatch, HINT;
        CommandError::ContainerImage { .. } => CommandError::ContainerImage {
            origin: text(), deployment: text(), container: text(), source: Box::new(damaged()),
        }, Mismatch, HINT;
        CommandError::Import { .. } => CommandError::Import {
            name: text(), layout: path(), source: Box::new(lost().into()),
        }, Unreachable, HINT;
        CommandError::Lookup(_) => LookupError::from(lost()).into(), Unreachable, HINT;
        CommandError::User { .. } => CommandError::User {
            origin: text(), deployment: text(), container: text(), source: UserError::Root,
        }, Usage, NONE;
        CommandError::Instance(_) =>
            InstanceError::Locked { dir: path(), pid: text() }.into(), Failed, HINT;
        CommandError::Bind(_) => BindError {
            address: ([127, 0, 0, 1], 80).into(), source: other(),
        }.into(), Usage, HINT;
        CommandError::Network(_) => network::Error::NoFreeSubnet.into(), Usage, HINT;
        CommandError::Adopt(_) => CommandError::Adopt(lost().into()), Unreachable, HINT;
        CommandError::Remove(_) => CommandError::Remove(lost().into()), Unreachable, HINT;
        CommandError::RemoveDir { .. } =>
            CommandError::RemoveDir { path: path(), source: other() }, Failed, NONE;
        CommandError::Signals(_) => CommandError::Signals(other()), Failed, NONE;
        CommandError::Stop { .. } =>
            CommandError::Stop { pid: 1, source: nix::errno::Errno::EPERM }, Failed, NONE;
        CommandError::StillRunning { .. } =>
            CommandError::StillRunning { pid: 1, wait: Duration::ZERO }, Failed, HINT;
        CommandError::Select(_) => SelectError::None(text()).into(), Usage, HINT;
        CommandError::NoSuchPod { .. } => CommandError::NoSuchPod { pod: text() }, Usage, HINT;
        CommandError::NotStarted { .. } => CommandError::NotStarted {
            pod: text(), container: text(), reason: text(),
        }, Failed, NONE;
        CommandError::NoSuchImages { .. } => CommandError::NoSuchImages {
            names: vec![text()], namespace: text(),
        }, Failed, HINT;
        CommandError::Log { .. } => CommandError::Log { path: path(), source: other() }, Failed, NONE;
        CommandError::Balancer(_) => CommandError::Balancer(other()), Failed, NONE;
        CommandError::Runtime(_) => CommandError::Runtime(other()), Failed, NONE;
        CommandError::Stdout(_) => CommandError::Stdout(other()), Failed, NONE;
    }
}

/// The cause is in the error's chain, so that it is printed.
#[test]
fn a_lost_containerd_is_reported_as_the_cause_of_a_failed_command() {
    let error = CommandError::Remove(lost().into());
    let chain: Vec<_> = cli::chain(&error).collect();
    assert_eq!(chain, ["cannot remove everything", "tasks.Get x: x"]);
}
