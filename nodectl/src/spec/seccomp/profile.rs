//! The rules of the profile: the listed system calls, and conditions on the arguments of some.

use std::collections::HashSet;

use oci_spec::OciSpecError;
use oci_spec::runtime::{
    Arch, Capability, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompArgBuilder,
    LinuxSeccompBuilder, LinuxSeccompOperator, LinuxSyscall, LinuxSyscallBuilder,
};

use super::syscalls;

/// ENOSYS makes a C library fall back from clone3, whose flags a filter cannot see, to clone.
const ENOSYS: u32 = 38;

/// The flags of clone(2) that create a namespace, except `CLONE_NEWTIME`, whose bit is part of the
/// exit signal there (sched.h).
const NAMESPACE_FLAGS: u64 = 0x0002_0000 // CLONE_NEWNS
    | 0x0200_0000 // CLONE_NEWCGROUP
    | 0x0400_0000 // CLONE_NEWUTS
    | 0x0800_0000 // CLONE_NEWIPC
    | 0x1000_0000 // CLONE_NEWUSER
    | 0x2000_0000 // CLONE_NEWPID
    | 0x4000_0000; // CLONE_NEWNET

/// The values of personality(2) that are allowed: `PER_LINUX` and `PER_LINUX32`, each with and
/// without `UNAME26`, and the query.
const PERSONALITIES: [u64; 5] = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// `AF_ALG`, the kernel's cryptography: the first address family that is not allowed.
const AF_ALG: u64 = 38;

/// The allowed address families above [`AF_ALG`]. `AF_VSOCK` (40), which reaches virtual machines of
/// any network namespace, is not among them.
const HIGH_FAMILIES: [u64; 6] = [39, 41, 42, 43, 44, 45];

/// The profile for a container with these capabilities; `None` on an architecture for which
/// containerd has none.
pub(in crate::spec) fn runtime_default(
    capabilities: &HashSet<Capability>,
) -> Result<Option<LinuxSeccomp>, OciSpecError> {
    let (architectures, own) = match std::env::consts::ARCH {
        "x86_64" => (
            vec![Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32],
            syscalls::X86_64,
        ),
        "aarch64" => (
            vec![Arch::ScmpArchArm, Arch::ScmpArchAarch64],
            syscalls::AARCH64,
        ),
        _ => return Ok(None),
    };
    let mut rules = vec![
        allow(syscalls::EVERYONE, None)?,
        allow(syscalls::TRACING, None)?,
        allow(own, None)?,
    ];
    let equal = LinuxSeccompOperator::ScmpCmpEq;
    let below = argument(AF_ALG, 0, LinuxSeccompOperator::ScmpCmpLt)?;
    rules.push(allow("socket", Some(below))?);
    for family in HIGH_FAMILIES {
        rules.push(allow("socket", Some(argument(family, 0, equal)?))?);
    }
    for personality in PERSONALITIES {
        rules.push(allow(
            "personality",
            Some(argument(personality, 0, equal)?),
        )?);
    }
    for (capability, names) in syscalls::PRIVILEGED {
        if capabilities.contains(&capability) {
            rules.push(allow(names, None)?);
        }
    }
    if !capabilities.contains(&Capability::SysAdmin) {
        // None of the flags may be set.
        let none = argument(NAMESPACE_FLAGS, 0, LinuxSeccompOperator::ScmpCmpMaskedEq)?;
        rules.push(allow("clone", Some(none))?);
        rules.push(
            LinuxSyscallBuilder::default()
                .names(vec!["clone3".to_owned()])
                .action(LinuxSeccompAction::ScmpActErrno)
                .errno_ret(ENOSYS)
                .build()?,
        );
    }
    LinuxSeccompBuilder::default()
        .default_action(LinuxSeccompAction::ScmpActErrno)
        .architectures(architectures)
        .syscalls(rules)
        .build()
        .map(Some)
}

fn allow(names: &str, argument: Option<LinuxSeccompArg>) -> Result<LinuxSyscall, OciSpecError> {
    let names: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
    LinuxSyscallBuilder::default()
        .names(names)
        .action(LinuxSeccompAction::ScmpActAllow)
        .args(argument.into_iter().collect::<Vec<_>>())
        .build()
}

/// A condition on a system call's first argument.
fn argument(
    value: u64,
    value_two: u64,
    operator: LinuxSeccompOperator,
) -> Result<LinuxSeccompArg, OciSpecError> {
    LinuxSeccompArgBuilder::default()
        .index(0_usize)
        .value(value)
        .value_two(value_two)
        .op(operator)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(capabilities: &[Capability]) -> HashSet<String> {
        let capabilities = capabilities.iter().copied().collect();
        let profile = runtime_default(&capabilities).unwrap().unwrap();
        assert_eq!(profile.default_action(), LinuxSeccompAction::ScmpActErrno);
        let rules = profile.syscalls().clone().unwrap();
        rules
            .into_iter()
            .filter(|rule| rule.action() == LinuxSeccompAction::ScmpActAllow)
            .filter(|rule| rule.args().as_ref().is_none_or(Vec::is_empty))
            .flat_map(|rule| rule.names().clone())
            .collect()
    }

    #[test]
    fn unlisted_calls_are_forbidden() {
        let all = allowed(&[]);
        for name in ["read", "execve", "ptrace", "rseq", "close_range"] {
            assert!(all.contains(name), "{name}");
        }
        for name in [
            "mount",
            "bpf",
            "io_uring_setup",
            "userfaultfd",
            "unshare",
            "setns",
            "keyctl",
            "open_by_handle_at",
            "kexec_load",
            "clone",
            "clone3",
            "socket",
            "a_call_of_the_future",
        ] {
            assert!(!all.contains(name), "{name}");
        }
    }

    #[test]
    fn a_capability_allows_the_calls_that_need_it() {
        let check = |capability, name: &str| {
            assert!(!allowed(&[]).contains(name), "{name}");
            assert!(allowed(&[capability]).contains(name), "{name}");
        };
        check(Capability::SysAdmin, "mount");
        check(Capability::SysAdmin, "clone3");
        check(Capability::SysChroot, "chroot");
        check(Capability::Syslog, "syslog");
        check(Capability::SysTime, "clock_settime");
    }
}
