//! Keeps all processes of a sandbox together below a limit of memory: the kernel's own limits hold
//! for each process alone, and a group of processes (a cgroup) needs rights that a user lacks.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::exec::sandbox::sys;

/// How often the memory is added up. A program needs longer than this to touch what is over.
const EVERY: Duration = Duration::from_millis(200);

/// Ends every process of the sandbox when together they hold more than so many bytes.
pub(super) fn watch(most: u64) -> io::Result<()> {
    let page = rustix::param::page_size() as u64;
    let shared_before = shared_of_machine();
    thread::Builder::new()
        .name("memory".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(EVERY);
                // The cheap figures count pages that forked workers share many times over, and
                // what others of the machine share; only when one is too high is the exact one
                // worth its price.
                let shared = shared_of_machine().saturating_sub(shared_before);
                if (resident(page) > most || shared > most) && held() > most {
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

/// Bytes of shared memory on the machine, whoever made it.
fn shared_of_machine() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    kibibytes(&text, "Shmem:").unwrap_or_default()
}

/// Bytes that all processes hold: each page of their own divided among those that share it, and
/// memory files whether they are mapped or only open.
fn held() -> u64 {
    let anonymous = sum_of("smaps_rollup", |text| kibibytes(text, "Pss_Anon:"));
    let mapped = sum_of("smaps_rollup", |text| kibibytes(text, "Pss_Shmem:"));
    anonymous.saturating_add(mapped.max(open_memory_files()))
}

/// Bytes of the memory files that are open anywhere in the sandbox, each counted once.
fn open_memory_files() -> u64 {
    let mut seen = BTreeMap::new();
    for process in processes() {
        let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let path = descriptor.path();
            let is_memory = fs::read_link(&path).is_ok_and(|target| {
                target
                    .as_os_str()
                    .as_encoded_bytes()
                    .starts_with(b"/memfd:")
            });
            if is_memory && let Ok(found) = fs::metadata(&path) {
                seen.insert(
                    (found.dev(), found.ino()),
                    found.blocks().saturating_mul(512),
                );
            }
        }
    }
    seen.into_values().fold(0, u64::saturating_add)
}

/// The sum of one figure over all processes of the sandbox.
fn sum_of(file: &str, figure: impl Fn(&str) -> Option<u64>) -> u64 {
    processes()
        .filter_map(|process| figure(&fs::read_to_string(process.join(file)).ok()?))
        .fold(0, u64::saturating_add)
}

/// The folders of all processes of the sandbox.
fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
        })
        .map(|entry| entry.path())
}

/// A line of `/proc` that gives kibibytes, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(number.saturating_mul(1024))
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
        assert_eq!(kibibytes(smaps, "Pss_Anon:"), Some(12 * 1024));
        assert_eq!(kibibytes(smaps, "Pss_Shmem:"), None);
    }
}
