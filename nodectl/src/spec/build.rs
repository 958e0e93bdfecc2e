//! Builds the spec from its parts.

use std::path::{Path, PathBuf};

use oci::image::Config;
use oci_spec::OciSpecError;
use oci_spec::runtime::{
    LinuxBuilder, LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType, ProcessBuilder,
    RootBuilder, Spec, SpecBuilder, UserBuilder,
};

use super::environment::{PodFields, command_line, environment};
use super::{BindMount, RunUser, capabilities, mounts, resources, seccomp};
use crate::manifest::{ContainerSpec, PodSecurity, SeccompType};

/// The input for a spec.
#[derive(Clone, Debug)]
pub(crate) struct SpecInput<'a> {
    /// The container, as in the manifest.
    pub container: &'a ContainerSpec,
    /// The pod's security context.
    pub security: &'a PodSecurity,
    /// The image's config.
    pub image: &'a Config,
    /// The user to run as.
    pub user: &'a RunUser,
    /// The fields that the downward API exposes.
    pub pod: &'a PodFields,
    /// The file of the pod's network namespace.
    pub netns: &'a Path,
    /// The file of the pod's IPC namespace.
    pub ipc: &'a Path,
    /// The directory that the pod mounts as /dev/shm.
    pub shm: &'a Path,
    /// The cgroup, from the root of the hierarchy.
    pub cgroup: String,
    /// The pod's files and volumes.
    pub binds: Vec<BindMount>,
    /// The machine's memory, in bytes.
    pub memory_total: u64,
    /// The lowest `oom_score_adj` that the runtime may set.
    pub oom_floor: i32,
    /// Whether the hierarchy is cgroup v2, under which a container gets its own cgroup namespace.
    pub cgroup2: bool,
}

/// Why a spec cannot be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpecError {
    /// The image has no command, and neither has the manifest.
    #[error("neither the manifest nor the image `{image}` has a command")]
    NoCommand {
        /// The image.
        image: String,
    },
    /// A variable refers to an unknown field.
    #[error("a variable refers to the unknown field `{path}`")]
    Field {
        /// The field's path.
        path: String,
    },
    /// containerd has no default profile for this architecture.
    #[error(
        "seccompProfile RuntimeDefault: containerd has no profile for {}",
        std::env::consts::ARCH
    )]
    NoProfile,
    /// The parts do not fit together.
    #[error("cannot build a runtime spec")]
    Build(#[from] OciSpecError),
}

/// Files of /proc and /sys that reveal or change the host's state (runc's default spec).
const MASKED: [&str; 11] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/scsi",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
];

/// Files of /proc that may be read but not written (runc's default spec).
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Builds the spec of one container.
///
/// # Errors
/// As [`SpecError`].
pub(crate) fn build(input: &SpecInput<'_>) -> Result<Spec, SpecError> {
    let container = input.container;
    let security = &container.security_context;
    let variables = environment(input.image.env(), container, input.pod)
        .map_err(|path| SpecError::Field { path })?;
    let of_image = input.image.spec.config().as_ref();
    let entrypoint = of_image
        .and_then(|config| config.entrypoint().clone())
        .unwrap_or_default();
    let cmd = of_image
        .and_then(|config| config.cmd().clone())
        .unwrap_or_default();
    let args = command_line(&entrypoint, &cmd, container, &variables);
    if args.is_empty() {
        return Err(SpecError::NoCommand {
            image: container.image.clone(),
        });
    }
    let capabilities = capabilities::resolve(&security.capabilities);
    let profile = security
        .seccomp_profile
        .as_ref()
        .or(input.security.seccomp_profile.as_ref());
    let seccomp = match profile.map(|profile| profile.kind) {
        // `Localhost` was refused when the manifest was checked.
        None | Some(SeccompType::Unconfined) => None,
        Some(SeccompType::RuntimeDefault | SeccompType::Localhost) => {
            let profile = seccomp::runtime_default(&capabilities)?;
            Some(profile.ok_or(SpecError::NoProfile)?)
        }
    };
    let user = UserBuilder::default()
        .uid(input.user.uid)
        .gid(input.user.gid)
        .additional_gids(input.user.groups.clone())
        .build()?;
    let cwd = container
        .working_dir
        .clone()
        .filter(|dir| !dir.is_empty())
        .unwrap_or_else(|| input.image.working_dir().to_owned());
    let process = ProcessBuilder::default()
        .terminal(false)
        .user(user)
        .args(args)
        .env(variables.lines())
        .cwd(cwd)
        .capabilities(capabilities::sets(&capabilities)?)
        // No rlimits: the runtime's apply, as for the kubelet's containers, not the 1024 open files that
        // the library sets by default.
        .rlimits(Vec::new())
        .no_new_privileges(security.allow_privilege_escalation == Some(false))
        .oom_score_adj(resources::oom_score_adj(
            &container.resources,
            input.memory_total,
            input.oom_floor,
        ))
        .build()?;
    let paths = |paths: &[&str]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut linux = LinuxBuilder::default()
        .namespaces(namespaces(input.netns, input.ipc, input.cgroup2)?)
        .cgroups_path(PathBuf::from(&input.cgroup))
        .resources(resources::cgroup(&container.resources))
        .masked_paths(paths(&MASKED))
        .readonly_paths(paths(&READ_ONLY));
    if let Some(profile) = seccomp {
        linux = linux.seccomp(profile);
    }
    let root = RootBuilder::default()
        .path("rootfs")
        .readonly(security.read_only_root_filesystem == Some(true))
        .build()?;
    Ok(SpecBuilder::default()
        .version("1.0.2")
        .process(process)
        .root(root)
        .hostname(input.pod.name.clone())
        .mounts(mounts::all(input.shm, &input.binds))
        .linux(linux.build()?)
        .build()?)
}

fn namespaces(
    netns: &Path,
    ipc: &Path,
    cgroup2: bool,
) -> Result<Vec<LinuxNamespace>, OciSpecError> {
    let own = |kind| LinuxNamespaceBuilder::default().typ(kind).build();
    let mut all = vec![
        own(LinuxNamespaceType::Pid)?,
        own(LinuxNamespaceType::Uts)?,
        own(LinuxNamespaceType::Mount)?,
        LinuxNamespaceBuilder::default()
            .typ(LinuxNamespaceType::Network)
            .path(netns)
            .build()?,
        LinuxNamespaceBuilder::default()
            .typ(LinuxNamespaceType::Ipc)
            .path(ipc)
            .build()?,
    ];
    if cgroup2 {
        all.push(own(LinuxNamespaceType::Cgroup)?);
    }
    Ok(all)
}
