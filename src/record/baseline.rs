//! Results of base runs that are kept for the next run: a cache, never evidence. What is missing or
//! damaged is measured again.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::model::Digest;

/// The folder inside the state folder.
const FOLDER: &str = "baseline";

/// The first word of a file.
const FORMAT: &str = "milton-baseline-1";

/// The largest result that is kept, in bytes: two hundred thousand tests.
const LARGEST: usize = 32 << 20;

/// How many results are kept; the oldest goes first.
const MOST: usize = 64;

/// The kept results of one run store.
#[derive(Clone, Debug)]
pub struct Baselines {
    folder: PathBuf,
}

impl Baselines {
    /// Beside the runs: `run` is the folder of any run of the store.
    pub fn beside(run: &Path) -> Option<Self> {
        let state = run.parent()?.parent()?;
        Some(Self {
            folder: state.join(FOLDER),
        })
    }

    /// The result kept under a key, if it is whole.
    pub fn get(&self, key: &Digest) -> Option<Vec<u8>> {
        let path = self.path(key);
        // Whoever puts a pipe or a link there gets no answer, and milton no hang.
        if !fs::symlink_metadata(&path).ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(path).ok()?;
        file.take(LARGEST as u64 + 256)
            .read_to_end(&mut bytes)
            .ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = bytes.split_at_checked(end)?;
        let body = body.strip_prefix(b"\n")?;
        (head == heading(key, body).as_bytes()).then(|| body.to_vec())
    }

    /// Keeps a result. A full disk or a result that is too large is no failure: it is measured again.
    pub fn put(&self, key: &Digest, body: &[u8]) {
        if body.len() <= LARGEST {
            self.try_put(key, body).ok();
        }
    }

    fn try_put(&self, key: &Digest, body: &[u8]) -> std::io::Result<()> {
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&self.folder)?;
        self.make_room()?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(heading(key, body).as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(body)?;
        file.persist(self.path(key))?;
        Ok(())
    }

    fn make_room(&self) -> std::io::Result<()> {
        let mut kept: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            kept.push((entry.metadata()?.modified()?, entry.path()));
        }
        kept.sort();
        let surplus = (kept.len() + 1).saturating_sub(MOST);
        for (_, path) in kept.into_iter().take(surplus) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(key.to_string())
    }
}

/// A copy under another key, or a changed byte, does not fit its first line.
fn heading(key: &Digest, body: &[u8]) -> String {
    format!("{FORMAT} {key} {}", Digest::of(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Baselines) {
        let state = tempfile::tempdir().unwrap();
        let baselines = Baselines::beside(&state.path().join("runs/x")).unwrap();
        (state, baselines)
    }

    #[test]
    fn a_result_is_found_again_and_only_under_its_own_key() {
        let (_state, baselines) = place();
        let (key, other) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(baselines.get(&key), None);
        baselines.put(&key, b"one\ntwo");
        assert_eq!(baselines.get(&key).as_deref(), Some(&b"one\ntwo"[..]));
        assert_eq!(baselines.get(&other), None);
        fs::copy(baselines.path(&key), baselines.path(&other)).unwrap();
        assert_eq!(baselines.get(&other), None);
    }

    #[test]
    fn a_damaged_result_is_none() {
        let (_state, baselines) = place();
        let key = Digest::of(b"a");
        baselines.put(&key, b"result");
        let whole = fs::read(baselines.path(&key)).unwrap();
        for position in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[position] ^= 1;
            fs::write(baselines.path(&key), &bytes).unwrap();
            assert_eq!(baselines.get(&key), None, "byte {position}");
            fs::write(baselines.path(&key), &whole[..position]).unwrap();
            assert_eq!(baselines.get(&key), None, "cut at {position}");
        }
        fs::remove_file(baselines.path(&key)).unwrap();
        std::os::unix::fs::symlink("/dev/zero", baselines.path(&key)).unwrap();
        assert_eq!(baselines.get(&key), None);
    }

    #[test]
    fn the_oldest_results_make_room() {
        let (_state, baselines) = place();
        for n in 0..MOST + 5 {
            baselines.put(&Digest::of(&n.to_le_bytes()), b"x");
        }
        assert_eq!(fs::read_dir(&baselines.folder).unwrap().count(), MOST);
        let newest = Digest::of(&(MOST + 4).to_le_bytes());
        assert!(baselines.get(&newest).is_some());
    }
}
