//! The file names of a patch: C-style quotes, prefixes, time stamps.

use super::Target;
use crate::plan::Error;
use crate::plan::text::visible;

/// One side's name on a `---` or `+++` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `/dev/null`: the file is not there on this side.
    Nothing,
    /// A name as written, prefix included.
    Name(Vec<u8>),
}

/// Reads what follows `--- ` or `+++ `. A time stamp of the epoch means the same as `/dev/null`
/// in the output of `diff -N`; the name is given as well, for that case.
pub(super) fn side(text: &[u8], line: usize) -> Result<(Side, Option<Vec<u8>>), Error> {
    let (name, stamp) = if text.starts_with(b"\"") {
        unquote(text).ok_or_else(|| bad_quotes(text, line))?
    } else {
        let tab = text.iter().position(|b| *b == b'\t').unwrap_or(text.len());
        let (name, stamp) = text.split_at(tab);
        (name.to_vec(), stamp)
    };
    if name.is_empty() {
        return Err(no_name(line));
    }
    if name == b"/dev/null" {
        return Ok((Side::Nothing, None));
    }
    if is_epoch(stamp) {
        return Ok((Side::Nothing, Some(name)));
    }
    Ok((Side::Name(name.clone()), Some(name)))
}

/// One name of an extended header (`rename from …`), never with a prefix.
pub(super) fn plain(text: &[u8], line: usize) -> Result<String, Error> {
    let name = if text.starts_with(b"\"") {
        match unquote(text) {
            Some((name, [])) => name,
            _ => return Err(bad_quotes(text, line)),
        }
    } else {
        text.to_vec()
    };
    utf8(name, line)
}

/// Splits the two names of a `diff --git` line, where that can be done without doubt.
pub(super) fn git_pair(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (first, second) = if text.starts_with(b"\"") {
        let (first, rest) = unquote(text)?;
        (first, rest.strip_prefix(b" ")?)
    } else if let Some(at) = text.windows(2).position(|pair| pair == b" \"") {
        let (first, rest) = text.split_at(at);
        (first.to_vec(), rest.get(1..)?)
    } else {
        // Two unquoted names may hold blanks; but unless the file moves (and then other lines
        // name it) they have the same length, so the blank between them is the middle byte.
        let (first, rest) = text.split_at_checked(text.len() / 2)?;
        (first.to_vec(), rest.strip_prefix(b" ")?)
    };
    let second = if second.starts_with(b"\"") {
        match unquote(second)? {
            (second, []) => second,
            _ => return None,
        }
    } else {
        second.to_vec()
    };
    Some((first, second))
}

/// The path that two names of one file agree on: the same name twice, or names that differ only
/// in their first component (`a/x` and `b/x`, `old/x` and `new/x`).
pub(super) fn common(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    if old == new {
        return Some(old.to_vec());
    }
    match (behind_prefix(old), behind_prefix(new)) {
        (Some(a), Some(b)) if a == b => Some(a.to_vec()),
        _ => None,
    }
}

/// The path of a lone name: without `a/` or `b/`.
pub(super) fn lone(name: &[u8]) -> Vec<u8> {
    let stripped = name
        .strip_prefix(b"a/")
        .or_else(|| name.strip_prefix(b"b/"));
    let stripped = stripped.filter(|path| !path.is_empty());
    stripped.unwrap_or(name).to_vec()
}

/// Whether a name on a `---`/`+++` line is `path`, with or without a prefix.
pub(super) fn is_name_of(name: &[u8], path: &[u8]) -> bool {
    name == path || behind_prefix(name) == Some(path)
}

fn behind_prefix(name: &[u8]) -> Option<&[u8]> {
    let slash = name.iter().position(|b| *b == b'/')?;
    name.get(slash + 1..).filter(|path| !path.is_empty())
}

/// The target of a plain `---`/`+++` pair.
pub(super) fn plain_target(minus: &[u8], plus: &[u8], line: usize) -> Result<Target, Error> {
    let (old, old_name) = side(minus, line)?;
    let (new, new_name) = side(plus, line + 1)?;
    let named = match (&old_name, &new_name) {
        (Some(old), Some(new)) => common(old, new).or_else(|| backup(old, new)),
        (Some(only), None) | (None, Some(only)) => Some(lone(only)),
        (None, None) => None,
    };
    let Some(path) = named else {
        return Err(Error::at(
            line,
            "the `---` and `+++` lines do not name the same file",
            "a plain diff changes one file at a time; use git's format for renames",
        ));
    };
    let path = utf8(path, line)?;
    match (old, new) {
        (Side::Nothing, Side::Name(_)) => Ok(Target::Create(path)),
        (Side::Name(_), Side::Nothing) => Ok(Target::Delete(path)),
        (Side::Name(_), Side::Name(_)) => Ok(Target::Edit(path)),
        (Side::Nothing, Side::Nothing) => Err(Error::at(
            line,
            "the file is there on neither side",
            "only one of the two names may be /dev/null",
        )),
    }
}

/// `x.orig` or `x~` against `x`, as made by `diff -u x.orig x`.
fn backup(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let suffix = old.strip_prefix(new)?;
    matches!(suffix, b".orig" | b".bak" | b".old" | b"~").then(|| new.to_vec())
}

/// A path as text; a path that is not UTF-8 cannot be judged or shown faithfully.
pub(super) fn utf8(name: Vec<u8>, line: usize) -> Result<String, Error> {
    if name.is_empty() {
        return Err(no_name(line));
    }
    String::from_utf8(name).map_err(|error| {
        let shown = visible(error.as_bytes());
        Error::at(
            line,
            format!("the file name is not UTF-8: {shown:?}"),
            "rename the file; milton handles UTF-8 paths only",
        )
    })
}

fn no_name(line: usize) -> Error {
    Error::at(
        line,
        "the file name is missing",
        "name the file on this line",
    )
}

fn bad_quotes(text: &[u8], line: usize) -> Error {
    Error::at(
        line,
        format!("the quoted file name cannot be read: {:?}", visible(text)),
        "git quotes names like C strings: \"a/tab\\there\", \"a/\\303\\274.txt\"",
    )
}

/// Reads a C-style quoted name at the start of `text`; gives the name and what follows.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut name = Vec::new();
    loop {
        let (first, tail) = rest.split_first()?;
        rest = tail;
        match first {
            b'"' => return Some((name, rest)),
            b'\\' => {
                let (byte, tail) = escape(rest)?;
                name.push(byte);
                rest = tail;
            }
            byte => name.push(*byte),
        }
    }
}

fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (first, rest) = text.split_first()?;
    let byte = match first {
        b'a' => 0x07,
        b'b' => 0x08,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 0x0b,
        b'f' => 0x0c,
        b'r' => b'\r',
        b'"' => b'"',
        b'\\' => b'\\',
        b'0'..=b'3' => {
            let (octal, rest) = text.split_at_checked(3)?;
            let octal = std::str::from_utf8(octal).ok()?;
            return Some((u8::from_str_radix(octal, 8).ok()?, rest));
        }
        _ => return None,
    };
    Some((byte, rest))
}

/// Whether a time stamp is the epoch, in whatever zone it is written.
fn is_epoch(stamp: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(stamp) else {
        return false;
    };
    let time = jiff::Timestamp::strptime("%Y-%m-%d %H:%M:%S%.f %z", text.trim());
    time.is_ok_and(|time| time == jiff::Timestamp::UNIX_EPOCH)
}
