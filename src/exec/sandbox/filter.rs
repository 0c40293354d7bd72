//! The seccomp filters: system calls that no test suite needs and that reach deep into the kernel,
//! or that would lead out of the sandbox.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

/// Refused with "operation not permitted".
const REFUSED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_migrate_pages,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_move_pages,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Refused on this processor only.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[libc::c_long] = &[
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[libc::c_long] = &[];

/// Answered as by a kernel that does not have them, so that programs take their older way: the
/// arguments of `clone3` cannot be looked at, and `io_uring` walks past every filter.
const UNKNOWN: &[libc::c_long] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
];

/// Families of sockets that test suites use.
const FAMILIES: [libc::c_int; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// Every flag of `clone` that makes a name space.
const NAME_SPACES: libc::c_int = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// The bit of a system call's number that chooses the x32 interface of the same processor.
const X32: u32 = 0x4000_0000;

/// Installs the filters on this thread.
pub(super) fn install() -> io::Result<()> {
    // The last one first: once a filter stands, no later one is refused, but the strictest answer
    // of all wins anyway.
    for program in [unknown()?, families()?, refused()?] {
        seccompiler::apply_filter(&program).map_err(io::Error::other)?;
    }
    Ok(())
}

/// Refuses what outlives a command when it has no name spaces of its own: objects that all
/// processes of a machine share.
pub(super) fn refuse_shared() -> io::Result<()> {
    let calls = [
        libc::SYS_mq_open,
        libc::SYS_msgget,
        libc::SYS_semget,
        libc::SYS_shmget,
    ];
    let rules = calls.into_iter().map(|number| (number, Vec::new()));
    seccompiler::apply_filter(&compiled(rules.collect(), libc::EPERM)?).map_err(io::Error::other)
}

fn unknown() -> io::Result<BpfProgram> {
    let rules = UNKNOWN.iter().map(|number| (*number, Vec::new()));
    let mut program = without_x32();
    program.extend(compiled(rules.collect(), libc::ENOSYS)?);
    Ok(program)
}

fn families() -> io::Result<BpfProgram> {
    let other = FAMILIES
        .iter()
        .map(|family| condition(0, SeccompCmpOp::Ne, *family))
        .collect::<io::Result<Vec<_>>>()?;
    let other = vec![SeccompRule::new(other).map_err(io::Error::other)?];
    let rules = [
        (libc::SYS_socket, other.clone()),
        (libc::SYS_socketpair, other),
    ];
    compiled(rules.into_iter().collect(), libc::EAFNOSUPPORT)
}

fn refused() -> io::Result<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED
        .iter()
        .chain(REFUSED_HERE)
        .map(|number| (*number, Vec::new()))
        .collect();
    let new_name_space = bits(NAME_SPACES)
        .map(|bit| rule(0, SeccompCmpOp::MaskedEq(as_value(bit)), bit))
        .collect::<io::Result<Vec<_>>>()?;
    rules.insert(libc::SYS_clone, new_name_space);
    // Both would put text into the input of a terminal.
    let typing = [libc::TIOCSTI, libc::TIOCLINUX]
        .into_iter()
        .map(|request| {
            let request = libc::c_int::try_from(request).map_err(io::Error::other)?;
            rule(1, SeccompCmpOp::Eq, request)
        })
        .collect::<io::Result<Vec<_>>>()?;
    rules.insert(libc::SYS_ioctl, typing);
    compiled(rules, libc::EPERM)
}

fn bits(mask: libc::c_int) -> impl Iterator<Item = libc::c_int> {
    (0..31)
        .map(|shift| 1 << shift)
        .filter(move |bit| mask & bit != 0)
}

fn as_value(number: libc::c_int) -> u64 {
    u64::from(number.cast_unsigned())
}

fn rule(argument: u8, operator: SeccompCmpOp, value: libc::c_int) -> io::Result<SeccompRule> {
    SeccompRule::new(vec![condition(argument, operator, value)?]).map_err(io::Error::other)
}

fn condition(
    argument: u8,
    operator: SeccompCmpOp,
    value: libc::c_int,
) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, as_value(value))
        .map_err(io::Error::other)
}

fn compiled(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: libc::c_int) -> io::Result<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let refusal = SeccompAction::Errno(errno.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, arch);
    BpfProgram::try_from(filter.map_err(io::Error::other)?).map_err(io::Error::other)
}

/// Refuses the numbers of the x32 interface, which name the same calls another way.
fn without_x32() -> BpfProgram {
    vec![
        load(NUMBER),
        jump(libc::BPF_JGE, X32, 0, 1),
        answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
    ]
}

/// Offsets in the kernel's `struct seccomp_data`.
const NUMBER: u32 = 0;
const FIFTH_ARGUMENT: u32 = 16 + 4 * 8;

/// The filter that hands over the calls which name a network address: `connect`, and `sendto` with
/// an address. The others are untouched.
pub(super) fn handed_over() -> Vec<sock_filter> {
    let number = |call: libc::c_long| u32::try_from(call).unwrap_or(u32::MAX);
    vec![
        load(NUMBER),
        jump(libc::BPF_JEQ, number(libc::SYS_connect), 6, 0),
        jump(libc::BPF_JEQ, number(libc::SYS_sendto), 0, 4),
        load(FIFTH_ARGUMENT),
        jump(libc::BPF_JEQ, 0, 0, 3),
        load(FIFTH_ARGUMENT + 4),
        jump(libc::BPF_JEQ, 0, 0, 1),
        answer(libc::SECCOMP_RET_ALLOW),
        answer(libc::SECCOMP_RET_USER_NOTIF),
    ]
}

fn load(offset: u32) -> sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

fn jump(comparison: u32, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    instruction(
        libc::BPF_JMP | comparison | libc::BPF_K,
        value,
        if_true,
        if_false,
    )
}

fn answer(value: u32) -> sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, value, 0, 0)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt,
        jf,
        k,
    }
}
