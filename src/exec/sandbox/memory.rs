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
                // The cheap figure counts pages that forked workers share many times over; only
                // when it is too high is the exact one worth its price.
                if resident(page) > most && proportional() > most {
                    sys::signal_everyone(Signal::KILL);
                }
            }
        })
        .map(drop)
}

/// Bytes that are not of files, over all processes.
fn resident(page: u64) -> u64 {
    sum_of("statm", |text| Some(own(text)?.saturating_mul(page)))
}

/// Bytes of all processes, each page divided among those that share it.
fn proportional() -> u64 {
    sum_of("smaps_rollup", share)
}

/// The sum of one figure over all processes of the sandbox.
fn sum_of(file: &str, figure: impl Fn(&str) -> Option<u64>) -> u64 {
    let Ok(entries) = fs::read_dir("/proc") else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
        })
        .filter_map(|entry| figure(&fs::read_to_string(entry.path().join(file)).ok()?))
        .fold(0, u64::saturating_add)
}

/// The process's share of its pages that are not of files, in bytes.
fn share(smaps: &str) -> Option<u64> {
    let line = smaps
        .lines()
        .find_map(|line| line.strip_prefix("Pss_Anon:"))?;
    let kibibytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes.saturating_mul(1024))
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
        let smaps = "5000-7fff ---p 00 00:00 0 [rollup]\nPss: 9 kB\nPss_Anon:        12 kB\n";
        assert_eq!(share(smaps), Some(12 * 1024));
    }
}
