//! Where a test view lives: in memory where there is room, else in the run's folder.
//!
//! Making a few thousand files costs more on a disk than everything else that milton does, and the
//! view is thrown away after the tests. Only the exported tree goes to memory; the command's home
//! and temporary folder, where tests write, stay on the disk of the run store.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, StatVfsMountFlags, flock, statvfs};

/// The memory file system of Linux that every user may write to.
const MEMORY: &str = "/dev/shm";
/// The largest tree that goes to memory, in bytes (256 MiB).
pub const MOST_IN_MEMORY: u64 = 256 << 20;
/// Memory is used only where this many times the largest tree is free.
const SPARE: u64 = 4;
/// What the folders of this module begin with.
const PREFIX: &str = "milton-view-";

/// A folder for one view. Dropping it removes it.
#[derive(Debug)]
pub struct Place {
    dir: PathBuf,
    /// Held for as long as the folder is in use; whoever gets it may remove the folder.
    _lock: File,
}

impl Place {
    /// A folder in memory; `None` where there is no such place, no room, or programs may not be
    /// executed from it.
    pub fn in_memory() -> Option<Self> {
        Self::below(Path::new(MEMORY))
    }

    fn below(memory: &Path) -> Option<Self> {
        let found = statvfs(memory).ok()?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let executable = !found.f_flag.contains(StatVfsMountFlags::NOEXEC);
        if !executable || free < MOST_IN_MEMORY * SPARE {
            return None;
        }
        remove_abandoned(memory);
        let dir = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(memory)
            .ok()?;
        let lock = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(dir.path().join("lock"))
            .ok()?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Self {
            dir: dir.keep(),
            _lock: lock,
        })
    }

    /// Where the tree goes; missing until it is exported.
    pub fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run, like after a kill.
        fs::remove_dir_all(&self.dir).ok();
    }
}

/// Removes the folders of miltons that were killed: ours by owner, and nobody holds their lock.
fn remove_abandoned(memory: &Path) {
    let Ok(entries) = fs::read_dir(memory) else {
        return;
    };
    for entry in entries.flatten() {
        let is_view = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes());
        let is_ours = entry
            .metadata()
            .is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::getuid().as_raw());
        if !is_view || !is_ours {
            continue;
        }
        let lock = OpenOptions::new()
            .write(true)
            .open(entry.path().join("lock"));
        let free =
            lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok());
        if free {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roomy() -> Option<tempfile::TempDir> {
        let memory = tempfile::tempdir_in(MEMORY).ok()?;
        let place = Place::below(memory.path())?;
        drop(place);
        Some(memory)
    }

    #[test]
    fn a_place_is_private_and_goes_when_it_is_dropped() {
        let Some(memory) = roomy() else { return };
        let place = Place::below(memory.path()).unwrap();
        let dir = place.tree().parent().unwrap().to_owned();
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        drop(place);
        assert!(!dir.exists());
    }

    #[test]
    fn what_a_killed_milton_left_is_removed_and_what_is_in_use_is_not() {
        let Some(memory) = roomy() else { return };
        let used = Place::below(memory.path()).unwrap();
        let left = memory.path().join(format!("{PREFIX}left"));
        fs::create_dir_all(left.join("tree/a")).unwrap();
        fs::write(left.join("lock"), "").unwrap();
        let fresh = memory.path().join(format!("{PREFIX}fresh"));
        fs::create_dir(&fresh).unwrap();
        let _other = Place::below(memory.path()).unwrap();
        assert!(!left.exists());
        assert!(used.tree().parent().unwrap().exists());
        assert!(
            fresh.exists(),
            "a folder that is just being made has no lock yet"
        );
    }
}
