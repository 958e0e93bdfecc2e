//! The system calls that `RuntimeDefault` forbids.
//!
//! A deny list of what namespaces and capabilities do not confine, or what has been the way out of
//! containers, after the table of
//! <https://docs.docker.com/engine/security/seccomp/#significant-syscalls-blocked-by-the-default-profile>.
//! Unlike an allow list it lets a program use a call that is newer than this table. It is laxer in
//! exchange: a call that nobody has thought of is allowed.

use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArgBuilder, LinuxSeccompBuilder,
    LinuxSeccompOperator, LinuxSyscall, LinuxSyscallBuilder,
};

/// EPERM, what a forbidden call answers.
const EPERM: u32 = 1;

/// ENOSYS makes a C library fall back from clone3, whose flags a filter cannot see, to clone.
const ENOSYS: u32 = 38;

/// Forbidden whatever the arguments.
const DENIED: [&str; 60] = [
    "acct",
    "add_key",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_adjtime64",
    "clock_settime",
    "clock_settime64",
    "create_module",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "get_kernel_syms",
    "get_mempolicy",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mbind",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "set_mempolicy",
    "setns",
    "settimeofday",
    "swapoff",
    "swapon",
    "sysfs",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "vhangup",
];

/// The flags of clone(2) that make a namespace (sched.h).
const NAMESPACE_FLAGS: [u64; 8] = [
    0x0000_0080, // CLONE_NEWTIME
    0x0002_0000, // CLONE_NEWNS
    0x0200_0000, // CLONE_NEWCGROUP
    0x0400_0000, // CLONE_NEWUTS
    0x0800_0000, // CLONE_NEWIPC
    0x1000_0000, // CLONE_NEWUSER
    0x2000_0000, // CLONE_NEWPID
    0x4000_0000, // CLONE_NEWNET
];

/// The profile that `RuntimeDefault` stands for, or `None` on an architecture it was not made for.
pub(super) fn runtime_default() -> Option<LinuxSeccomp> {
    let architectures = match std::env::consts::ARCH {
        "x86_64" => vec![Arch::ScmpArchX86_64, Arch::ScmpArchX86, Arch::ScmpArchX32],
        "aarch64" => vec![Arch::ScmpArchAarch64, Arch::ScmpArchArm],
        _ => return None,
    };
    let mut syscalls = vec![
        deny(
            DENIED.iter().map(ToString::to_string).collect(),
            EPERM,
            None,
        ),
        clone3(),
    ];
    // CLONE_NEWTIME shares its bit with the exit signal in clone(2), so it only counts in clone3.
    for flag in &NAMESPACE_FLAGS[1..] {
        syscalls.push(deny(vec!["clone".to_owned()], EPERM, Some(*flag)));
    }
    LinuxSeccompBuilder::default()
        .default_action(LinuxSeccompAction::ScmpActAllow)
        .architectures(architectures)
        .syscalls(syscalls)
        .build()
        .ok()
}

fn clone3() -> LinuxSyscall {
    deny(vec!["clone3".to_owned()], ENOSYS, None)
}

fn deny(names: Vec<String>, errno: u32, flag: Option<u64>) -> LinuxSyscall {
    let mut rule = LinuxSyscallBuilder::default()
        .names(names)
        .action(LinuxSeccompAction::ScmpActErrno)
        .errno_ret(errno);
    if let Some(flag) = flag {
        let argument = LinuxSeccompArgBuilder::default()
            .index(0_usize)
            .value(flag)
            .value_two(flag)
            .op(LinuxSeccompOperator::ScmpCmpMaskedEq)
            .build()
            .expect("every field that has no default is set");
        rule = rule.args(vec![argument]);
    }
    rule.build()
        .expect("every field that has no default is set")
}
