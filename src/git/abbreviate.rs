//! Shortening object ids exactly as git's automatic `core.abbrev` does.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use git2::ErrorCode;

/// The least length of a shortened id.
const MIN_LENGTH: usize = 7;
/// The digits of a whole id.
const WHOLE: usize = 40;
/// How deep alternates may name alternates, as in git.
const MAX_ALTERNATES: u32 = 5;

/// Shortens ids of one repository.
pub(super) struct Abbreviator<'r> {
    odb: git2::Odb<'r>,
    length: usize,
}

impl<'r> Abbreviator<'r> {
    /// Counts the packed objects, from which git derives the length: half the digits that would
    /// number them, at least seven. Loose objects do not count.
    pub(super) fn new(repository: &'r git2::Repository) -> Result<Self, git2::Error> {
        let count = packed_objects(&repository.commondir().join("objects"), 0);
        // The digits needed in base 16 are the bits divided by four; a collision is likely from
        // the square root on, so twice as many are taken.
        let bits = (u64::BITS - count.leading_zeros()) as usize;
        Ok(Self {
            odb: repository.odb()?,
            length: bits.div_ceil(2).max(MIN_LENGTH),
        })
    }

    /// The shortest unique text of at least the automatic length. The id itself need not exist
    /// (the null id and the commits of submodules do not).
    pub(super) fn short(&self, oid: git2::Oid) -> String {
        let mut text = oid.to_string();
        let unique = |length: &usize| match self.odb.exists_prefix(oid, *length) {
            Ok(found) => found == oid,
            Err(e) => e.code() != ErrorCode::Ambiguous,
        };
        let length = (self.length..WHOLE).find(unique).unwrap_or(WHOLE);
        text.truncate(length);
        text
    }
}

/// The objects in the packs of an object directory and of its alternates. What cannot be read
/// counts nothing, as in git.
fn packed_objects(objects: &Path, depth: u32) -> u64 {
    let packs = objects.join("pack");
    let (mut count, indexed) =
        multi_pack_index(&packs.join("multi-pack-index")).unwrap_or_default();
    for entry in fs::read_dir(&packs).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_index = path.extension().is_some_and(|extension| extension == "idx");
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_index && !indexed.contains(&name) && path.with_extension("pack").exists() {
            count += pack_index(&path).unwrap_or_default();
        }
    }
    if depth < MAX_ALTERNATES {
        for alternate in alternates(objects) {
            count += packed_objects(&alternate, depth + 1);
        }
    }
    count
}

fn alternates(objects: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(objects.join("info/alternates")).unwrap_or_default();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| objects.join(line))
        .collect()
}

/// The number of objects that an index file counts: the last entry of its fan-out table, which in
/// version 2 stands behind an eight-byte header.
fn pack_index(path: &Path) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let header: [u8; 4] = read(&mut file, 0)?;
    let table = if header == [0xff, b't', b'O', b'c'] {
        8
    } else {
        0
    };
    read(&mut file, table + 255 * 4).map(|n| u64::from(u32::from_be_bytes(n)))
}

/// The number of objects of a multi-pack index and the index files that it stands for.
fn multi_pack_index(path: &Path) -> Option<(u64, BTreeSet<String>)> {
    let mut file = File::open(path).ok()?;
    let header: [u8; 12] = read(&mut file, 0)?;
    let [b'M', b'I', b'D', b'X', _version, _hash, chunks, ..] = header else {
        return None;
    };
    let mut table = Vec::new();
    for chunk in 0..=u64::from(chunks) {
        let [a, b, c, d, offset @ ..]: [u8; 12] = read(&mut file, 12 + chunk * 12)?;
        table.push(([a, b, c, d], u64::from_be_bytes(offset)));
    }
    let (_, fan_out) = table.iter().find(|(id, _)| id == b"OIDF")?;
    let count: [u8; 4] = read(&mut file, fan_out + 255 * 4)?;
    let names = table.iter().position(|(id, _)| id == b"PNAM")?;
    let ((_, start), (_, end)) = (table.get(names)?, table.get(names + 1)?);
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(*start)).ok()?;
    file.take(end.checked_sub(*start)?)
        .read_to_end(&mut text)
        .ok()?;
    let names = text
        .split(|b| *b == 0)
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    Some((u64::from(u32::from_be_bytes(count)), names))
}

fn read<const N: usize>(file: &mut File, at: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
