//! Finding and signalling every process below one, through `/proc`.

use rustix::process::{Pid, Signal};

/// Sends a signal to every descendant of `root` and says how many there were.
///
/// A snapshot can miss a process that is born while it is taken, so whoever wants all of them gone
/// repeats this until none is left.
#[cfg(target_os = "linux")]
pub(super) fn signal_descendants(root: Pid, signal: Signal) -> usize {
    let found = descendants(root);
    for pid in &found {
        // A process that ended meanwhile, or that runs as another user, is told by the caller's
        // own count of what is left.
        rustix::process::kill_process(*pid, signal).ok();
    }
    found.len()
}

/// Kills every process of the session that `leader` leads. The last resort when a supervisor was
/// killed and nobody knows its descendants any more; one in a session of its own escapes.
#[cfg(target_os = "linux")]
pub(super) fn kill_session(leader: Pid) {
    for process in snapshot() {
        if process.session == leader.as_raw_pid()
            && let Some(pid) = Pid::from_raw(process.pid)
        {
            rustix::process::kill_process(pid, Signal::KILL).ok();
        }
    }
}

/// Without `/proc` nothing is known about descendants.
#[cfg(not(target_os = "linux"))]
pub(super) fn signal_descendants(_root: Pid, _signal: Signal) -> usize {
    0
}

/// Without `/proc` nothing is known about sessions.
#[cfg(not(target_os = "linux"))]
pub(super) fn kill_session(_leader: Pid) {}

#[cfg(target_os = "linux")]
struct Process {
    pid: i32,
    parent: i32,
    session: i32,
}

#[cfg(target_os = "linux")]
fn descendants(root: Pid) -> Vec<Pid> {
    let mut children = std::collections::HashMap::<i32, Vec<i32>>::new();
    for process in snapshot() {
        children
            .entry(process.parent)
            .or_default()
            .push(process.pid);
    }
    let mut found = Vec::new();
    let mut pending = vec![root.as_raw_pid()];
    while let Some(parent) = pending.pop() {
        // Taken out, so that a snapshot with a circle in it (a number used again) still ends.
        for child in children.remove(&parent).unwrap_or_default() {
            found.extend(Pid::from_raw(child));
            pending.push(child);
        }
    }
    found
}

#[cfg(target_os = "linux")]
fn snapshot() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

/// Reads `pid (name) state parent group session …`; the name may hold blanks and brackets.
#[cfg(target_os = "linux")]
fn parse(stat: &[u8]) -> Option<Process> {
    let stat = String::from_utf8_lossy(stat);
    let (pid, rest) = stat.split_once(" (")?;
    let (_name, rest) = rest.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(1);
    Some(Process {
        pid: pid.parse().ok()?,
        parent: fields.next()?.parse().ok()?,
        session: fields.nth(1)?.parse().ok()?,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        let process = parse(b"42 (a) b (c)) S 7 8 9 0 -1\n").unwrap();
        assert_eq!((process.pid, process.parent, process.session), (42, 7, 9));
        assert!(parse(b"").is_none());
        assert!(parse(b"42 (a").is_none());
    }

    #[test]
    fn this_process_is_in_the_snapshot() {
        let own = rustix::process::getpid().as_raw_pid();
        assert!(snapshot().iter().any(|process| process.pid == own));
    }
}
