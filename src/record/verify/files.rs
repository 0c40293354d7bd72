//! Reading files of a run's folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use crate::model::digest::Hasher;
use crate::model::{Check, Digest};

/// The first byte in which two texts differ, from 0.
pub fn first_difference(left: &[u8], right: &[u8]) -> usize {
    let pairs = left.iter().zip(right);
    pairs.take_while(|(left, right)| left == right).count()
}

pub(super) fn differs(bytes: u64, wanted: Option<u64>, found: &Digest, digest: &Digest) -> String {
    let sizes = match wanted {
        Some(wanted) if wanted != bytes => {
            format!("{wanted} bytes were written, {bytes} are there: ")
        }
        Some(_) | None => String::new(),
    };
    format!(
        "{sizes}sha256 {} was recorded, {} is there",
        digest.short(),
        found.short()
    )
}

pub(super) fn unreadable(name: &str, error: &io::Error) -> Check {
    if error.kind() == io::ErrorKind::NotFound {
        return Check::failed(name, "it is gone");
    }
    Check::failed(name, format!("it cannot be read: {error}"))
}

pub(super) fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(dir)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// Size and digest of a file, streamed: an output can be larger than memory.
pub(super) fn digest_of(path: &Path) -> io::Result<(u64, Digest)> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hasher.finish()));
        }
        bytes += read as u64;
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}
