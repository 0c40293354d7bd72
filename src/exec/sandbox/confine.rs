//! Confining the thread that starts the command: limits, privileges, Landlock, seccomp. Each step
//! can only be added to afterwards, never taken back, and the command inherits them all.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::exec::sandbox::{Enclosure, Limits, REPORTS_INSIDE, Restriction, filter, sys};

/// The newest Landlock rights that are asked for; an older kernel gives what it has.
const LANDLOCK: ABI = ABI::V6;
/// The most descriptors of a process: what servers use, and no more than it takes to be slow.
const OPEN_FILES: u64 = 65_536;

/// Confines this thread; returns the descriptor on which its filter hands calls over.
pub(super) fn confine(enclosure: &Enclosure) -> io::Result<OwnedFd> {
    confine_inside(enclosure)?;
    sys::install_listener(&filter::handed_over())
}

/// Confines this thread within a file system of its own.
pub(super) fn confine_inside(enclosure: &Enclosure) -> io::Result<()> {
    limit(enclosure.limits)?;
    drop_capabilities()?;
    rustix::thread::set_no_new_privs(true)?;
    let home = enclosure.home.clone();
    let writable = [
        enclosure.checkout.clone(),
        home,
        "/tmp".into(),
        "/var/tmp".into(),
        "/dev".into(),
        REPORTS_INSIDE.into(),
    ];
    restrict_files(&["/".into()], &writable)?;
    filter::install()
}

/// Confines this thread within the machine's own file system.
pub(in crate::exec) fn restrict(restriction: &Restriction) -> io::Result<()> {
    limit(Limits {
        processes: all_tasks().saturating_add(restriction.limits.processes),
        ..restriction.limits
    })?;
    drop_capabilities()?;
    rustix::thread::set_no_new_privs(true)?;
    restrict_files(&restriction.readable, &restriction.writable)?;
    filter::install()?;
    filter::refuse_shared()
}

/// How many processes and threads there are on the machine: the limit that the kernel keeps for a
/// user counts those that run already.
fn all_tasks() -> u64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let tasks = load
        .split(' ')
        .nth(3)
        .and_then(|tasks| tasks.split_once('/'));
    tasks
        .and_then(|(_, all)| all.parse().ok())
        .unwrap_or_default()
}

/// Limits of this process and its children.
fn limit(limits: Limits) -> io::Result<()> {
    // One byte is no room for a core file, and only this number keeps the kernel from starting a
    // handler of cores outside.
    lower(Resource::Core, 1)?;
    lower(Resource::Nproc, limits.processes)?;
    lower(Resource::Nofile, OPEN_FILES)?;
    lower(Resource::Fsize, limits.files_bytes)?;
    lower(Resource::Memlock, 64 << 20)?;
    match limits.address_space {
        Some(bytes) => lower(Resource::As, bytes),
        None => Ok(()),
    }
}

/// Lowers both limits of a resource; one that is lower already stays.
fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let at_most = |now: Option<u64>| Some(now.map_or(to, |now| now.min(to)));
    let now = getrlimit(resource);
    let new = Rlimit {
        current: at_most(now.current),
        maximum: at_most(now.maximum),
    };
    setrlimit(resource, new).map_err(io::Error::from)
}

/// Gives up every capability in the own user name space, and the way to have them again by
/// starting a program as its root.
fn drop_capabilities() -> io::Result<()> {
    for capability in CapabilitySet::all().iter() {
        // A kernel that does not know a capability has nothing to drop.
        rustix::thread::remove_capability_from_bounding_set(capability).ok();
    }
    rustix::thread::clear_ambient_capability_set().ok();
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )
    .map_err(io::Error::from)
}

/// Lets this thread read below some paths and write below others, and nothing else; no signal
/// leaves the sandbox, nor a connection to an abstract socket of somebody else.
fn restrict_files(readable: &[OsString], writable: &[OsString]) -> io::Result<()> {
    let all = AccessFs::from_all(LANDLOCK);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(|rules| rules.scope(Scope::from_all(LANDLOCK)))
        .and_then(Ruleset::create)
        .map_err(io::Error::other)?;
    for (paths, access) in [(readable, AccessFs::from_read(LANDLOCK)), (writable, all)] {
        for path in paths {
            let Ok(opened) = PathFd::new(Path::new(path)) else {
                // What is not there needs no rule.
                continue;
            };
            let of_files = AccessFs::from_file(LANDLOCK);
            let access = if Path::new(path).is_dir() {
                access
            } else {
                access & of_files
            };
            rules = rules
                .add_rule(PathBeneath::new(opened, access))
                .map_err(io::Error::other)?;
        }
    }
    let status = rules.restrict_self().map_err(io::Error::other)?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(io::Error::other("this kernel has no Landlock"));
    }
    Ok(())
}
