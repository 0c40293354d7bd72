//! The whole patch: preamble, sections, and what must hold across them.

use std::collections::HashMap;

use super::{Cursor, FilePatch, Patch, Target, names, section};
use crate::plan::Error;

/// Parses a patch, in time and memory linear in its size.
pub(in crate::plan) fn parse(bytes: &[u8]) -> Result<Patch, Error> {
    // Windows tools begin a file with a byte order mark, which would hide its first line.
    let mut cursor = Cursor::new(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let mut files = Vec::new();
    while let Some(line) = cursor.peek() {
        if line.starts_with(b"diff --git ") {
            files.push(section::parse(&mut cursor)?);
        } else if line.starts_with(b"--- ") && cursor.after().peek_after(b"+++ ").is_some() {
            files.push(plain_section(&mut cursor)?);
        } else {
            refuse_unreadable(line, cursor.number)?;
            // Mail headers, a commit message, a diffstat, a signature.
            cursor.advance();
        }
    }
    if files.is_empty() {
        return Err(no_patch(bytes));
    }
    files.retain(FilePatch::changes);
    if files.is_empty() {
        return Err(Error::whole(
            "the patch changes nothing",
            "every hunk holds the same lines on both sides; make the patch again",
        ));
    }
    refuse_contradictions(&files)?;
    Ok(Patch { files })
}

/// Says why nothing was found, for the usual accidents.
fn no_patch(bytes: &[u8]) -> Error {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let holds = |what: &[u8]| head.windows(what.len()).any(|window| window == what);
    let utf_16 = [b"\xff\xfe", b"\xfe\xff"];
    let hint = if holds(b"\x1b[") {
        "it is coloured for a terminal: make it with `git diff --no-color`"
    } else if utf_16.iter().any(|mark| bytes.starts_with(*mark)) {
        "it is UTF-16, as some shells write it: save it as UTF-8, or use `git diff --output=FILE`"
    } else if holds(b"\n--- 1,") || holds(b"***************") {
        "it is a context diff: give a unified one, as made by `git diff` or `diff -u`"
    } else {
        "give a unified diff, as made by `git diff` or `diff -u`"
    };
    Error::whole("no patch found", hint)
}

fn plain_section(cursor: &mut Cursor<'_>) -> Result<FilePatch, Error> {
    let line = cursor.number;
    let minus = cursor.peek_after(b"--- ").unwrap_or_default();
    cursor.advance();
    let plus = cursor.peek_after(b"+++ ").unwrap_or_default();
    cursor.advance();
    let target = names::plain_target(minus, plus, line)?;
    let hunks = section::required_hunks(cursor)?;
    section::check_counts(&target, &hunks)?;
    Ok(FilePatch {
        line,
        target,
        old_mode: None,
        new_mode: None,
        binary: false,
        hunks,
    })
}

/// Lines outside of any section that must not be skipped as noise: they are parts of a change
/// that would then be left out without a word.
fn refuse_unreadable(line: &[u8], number: usize) -> Result<(), Error> {
    let text = super::header(line);
    if line.starts_with(b"@@ -") {
        return Err(section::headless_hunk(number));
    }
    let combined: [&[u8]; 3] = [b"diff --cc ", b"diff --combined ", b"@@@ -"];
    if combined.iter().any(|start| line.starts_with(start)) {
        return Err(Error::at(
            number,
            "a combined diff of a merge cannot be applied",
            "make the patch against one parent, for example with `git diff base...branch`",
        ));
    }
    let headers = [
        "old mode 1",
        "new mode 1",
        "new file mode 1",
        "deleted file mode 1",
    ];
    if headers
        .iter()
        .any(|start| line.starts_with(start.as_bytes()))
    {
        return Err(Error::at(
            number,
            "a file's header line without the `diff --git` line before it",
            "make the patch with `git diff`, and do not edit its header lines",
        ));
    }
    let plain_binary = text.starts_with(b"Binary files ") && text.ends_with(b" differ");
    if plain_binary || text == b"GIT binary patch" {
        return Err(Error::at(
            number,
            "a binary change without the `diff --git` line of its file",
            "leave binary files out; the policy refuses them in any case",
        ));
    }
    Ok(())
}

/// No path may be changed by two sections, except for git's own way to write a change of type:
/// the file is deleted, and made anew by the next section.
fn refuse_contradictions(files: &[FilePatch]) -> Result<(), Error> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        for path in file.target.paths() {
            let Some(earlier) = seen.insert(path, index) else {
                continue;
            };
            let first = files.get(earlier).map(|f| (&f.target, f.line));
            let type_change = matches!(first, Some((Target::Delete(_), _)))
                && matches!(file.target, Target::Create(_))
                && earlier + 1 == index;
            if !type_change {
                let before = first.map_or(0, |(_, line)| line);
                return Err(Error::at(
                    file.line,
                    format!("contradictory: {path:?} was already changed at line {before}"),
                    "put all changes of a file into one section of the patch",
                ));
            }
        }
    }
    Ok(())
}
