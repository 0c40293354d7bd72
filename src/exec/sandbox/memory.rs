//! Keeps all processes of a sandbox together below a limit of memory: the kernel's own limits hold
//! for each process alone, and a group of processes (a cgroup) needs rights that a user lacks.

use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::exec::sandbox::sys;

/// How often the memory is added up. A program needs longer than this to touch what is over.
const EVERY: Duration = Duration::from_millis(200);

/// Ends every process of the sandbox when together they hold more than so many bytes.
pub(super) fn watch(most: u64) -> io::Result<()> {
    let page = rustix::param::page_size() as u64;
    thread::Builder::new()
        .name("memory".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(EVERY);
                if held(page) > most {
                    sys::signal_everyone(Signal::KILL);
                }
            }
        })
        .map(drop)
}

/// Bytes of memory that are a process's own, over all processes. What processes share is left out,
/// or forked workers would be counted many times; shared memory of files has its own limit.
fn held(page: u64) -> u64 {
    let Ok(entries) = fs::read_dir("/proc") else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
        })
        .filter_map(|entry| own(&fs::read_to_string(entry.path().join("statm")).ok()?))
        .fold(0_u64, |sum, pages| {
            sum.saturating_add(pages.saturating_mul(page))
        })
}

/// Resident pages that are not shared: the second number without the third.
fn own(statm: &str) -> Option<u64> {
    let mut numbers = statm.split_ascii_whitespace().skip(1);
    let resident: u64 = numbers.next()?.parse().ok()?;
    let shared: u64 = numbers.next()?.parse().ok()?;
    Some(resident.saturating_sub(shared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_pages_are_left_out() {
        assert_eq!(own("1000 300 100 5 0 50 0\n"), Some(200));
        assert_eq!(own("1000 100 300 5 0 50 0\n"), Some(0));
        assert_eq!(own("1000"), None);
    }
}
