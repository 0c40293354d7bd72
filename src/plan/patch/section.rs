//! One file's section in git's format: extended headers, names, and what they say together.

use super::{Cursor, FilePatch, Target, hunk, names};
use crate::model::FileMode;
use crate::plan::Error;
use crate::plan::text::visible;

/// The extended headers of one section, with the line of each.
#[derive(Default)]
struct Headers {
    old_mode: Option<FileMode>,
    new_mode: Option<FileMode>,
    /// From `index a..b 100644`.
    index_mode: Option<FileMode>,
    created: bool,
    deleted: bool,
    rename_from: Option<String>,
    rename_to: Option<String>,
    copy_from: Option<String>,
    copy_to: Option<String>,
}

/// Reads a section that begins with `diff --git`.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<FilePatch, Error> {
    let line = cursor.number;
    let names_text = cursor.peek_after(b"diff --git ").unwrap_or_default();
    let pair = names::git_pair(names_text);
    cursor.advance();
    let headers = Headers::parse(cursor)?;
    let sides = parse_sides(cursor)?;
    let target = headers.target(pair.as_ref(), sides.as_ref(), line)?;
    let hunks = if sides.is_some() {
        required_hunks(cursor)?
    } else {
        Vec::new()
    };
    let binary = sides.is_none() && skip_binary(cursor);
    if sides.is_none() && cursor.peek_after(b"@@ ").is_some() {
        return Err(headless_hunk(cursor.number));
    }
    check_counts(&target, &hunks)?;
    Ok(FilePatch {
        line,
        target,
        old_mode: headers.old_mode.or(headers.index_mode),
        new_mode: headers.new_mode,
        binary,
        hunks,
    })
}

/// The hunks behind a `---`/`+++` pair; there is at least one.
pub(super) fn required_hunks(cursor: &mut Cursor<'_>) -> Result<Vec<hunk::Hunk>, Error> {
    let hunks = hunk::parse_all(cursor)?;
    if hunks.is_empty() {
        return Err(Error::at(
            cursor.number,
            "the file has no hunk behind its `---` and `+++` lines",
            "a hunk begins with `@@ -line,count +line,count @@`",
        ));
    }
    Ok(hunks)
}

/// A created file has no old lines, a deleted one no new lines.
pub(super) fn check_counts(target: &Target, hunks: &[hunk::Hunk]) -> Result<(), Error> {
    let wrong = |hunk: &&hunk::Hunk| match target {
        Target::Create(_) => hunk.old_count > 0,
        Target::Delete(_) => hunk.new_count > 0,
        Target::Edit(_) | Target::Rename { .. } | Target::Copy { .. } => false,
    };
    match hunks.iter().find(wrong) {
        None => Ok(()),
        Some(hunk) => Err(Error::at(
            hunk.line,
            "a new file has no old lines, and a deleted file no new ones",
            "correct the header lines of the file, or the hunk",
        )),
    }
}

pub(super) fn headless_hunk(line: usize) -> Error {
    Error::at(
        line,
        "a hunk without the `---` and `+++` lines of its file",
        "put `--- a/path` and `+++ b/path` before the first hunk of a file",
    )
}

type Sides = (names::Side, names::Side);

/// The `---` and `+++` lines, where the section has them.
fn parse_sides(cursor: &mut Cursor<'_>) -> Result<Option<Sides>, Error> {
    let Some(minus) = cursor.peek_after(b"--- ") else {
        return Ok(None);
    };
    let line = cursor.number;
    let Some(plus) = cursor.after().peek_after(b"+++ ") else {
        return Err(Error::at(
            line + 1,
            "the `+++` line is missing",
            "the line behind `--- a/path` is `+++ b/path`",
        ));
    };
    let (old, _) = names::side(minus, line)?;
    let (new, _) = names::side(plus, line + 1)?;
    cursor.advance();
    cursor.advance();
    Ok(Some((old, new)))
}

/// Goes past a binary part; says whether there was one.
fn skip_binary(cursor: &mut Cursor<'_>) -> bool {
    let says_binary = |text: &[u8]| text.ends_with(b" differ");
    if cursor.peek_after(b"Binary files ").is_some_and(says_binary) {
        cursor.advance();
        return true;
    }
    if cursor.peek_after(b"GIT binary patch").is_none() {
        return false;
    }
    cursor.advance();
    while cursor.peek_after(b"literal ").is_some() || cursor.peek_after(b"delta ").is_some() {
        while cursor
            .peek()
            .is_some_and(|line| !super::header(line).is_empty())
        {
            cursor.advance();
        }
        cursor.advance();
    }
    true
}

/// What the extended headers say happens to the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Create,
    Delete,
    Edit,
}

impl Headers {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let mut headers = Self::default();
        while headers.take(cursor)? {
            cursor.advance();
        }
        Ok(headers)
    }

    /// Takes the next line when it is an extended header.
    fn take(&mut self, cursor: &Cursor<'_>) -> Result<bool, Error> {
        let line = cursor.number;
        if let Some(text) = cursor.peek_after(b"old mode ") {
            once(&mut self.old_mode, mode(text, line)?, line)?;
        } else if let Some(text) = cursor.peek_after(b"new mode ") {
            once(&mut self.new_mode, mode(text, line)?, line)?;
        } else if let Some(text) = cursor.peek_after(b"new file mode ") {
            once(&mut self.new_mode, mode(text, line)?, line)?;
            self.created = true;
        } else if let Some(text) = cursor.peek_after(b"deleted file mode ") {
            once(&mut self.old_mode, mode(text, line)?, line)?;
            self.deleted = true;
        } else if let Some(text) = cursor.peek_after(b"rename from ") {
            once(&mut self.rename_from, names::plain(text, line)?, line)?;
        } else if let Some(text) = cursor.peek_after(b"rename to ") {
            once(&mut self.rename_to, names::plain(text, line)?, line)?;
        } else if let Some(text) = cursor.peek_after(b"copy from ") {
            once(&mut self.copy_from, names::plain(text, line)?, line)?;
        } else if let Some(text) = cursor.peek_after(b"copy to ") {
            once(&mut self.copy_to, names::plain(text, line)?, line)?;
        } else if let Some(text) = cursor.peek_after(b"index ") {
            if let Some(at) = text.iter().position(|b| *b == b' ') {
                let text = text.get(at + 1..).unwrap_or_default();
                once(&mut self.index_mode, mode(text, line)?, line)?;
            }
        } else {
            return Ok(cursor.peek_after(b"similarity index ").is_some()
                || cursor.peek_after(b"dissimilarity index ").is_some());
        }
        Ok(true)
    }

    fn act(&self, sides: Option<&Sides>, line: usize) -> Result<Act, Error> {
        let (no_old, no_new) = match sides {
            Some((old, new)) => (*old == names::Side::Nothing, *new == names::Side::Nothing),
            None => (self.created, self.deleted),
        };
        let modes = self.created && self.old_mode.is_some()
            || self.deleted && self.new_mode.is_some()
            || !self.created && self.new_mode.is_some() && self.old_mode.is_none()
            || !self.deleted && self.old_mode.is_some() && self.new_mode.is_none();
        let wrong_side = self.created && !no_old || self.deleted && !no_new;
        if modes || wrong_side || no_old && no_new || self.created && self.deleted {
            return Err(contradiction(line));
        }
        match (no_old, no_new) {
            (true, _) => Ok(Act::Create),
            (_, true) => Ok(Act::Delete),
            (false, false) => Ok(Act::Edit),
        }
    }

    fn target(
        &self,
        pair: Option<&(Vec<u8>, Vec<u8>)>,
        sides: Option<&Sides>,
        line: usize,
    ) -> Result<Target, Error> {
        let act = self.act(sides, line)?;
        let moved = |from: &String, to: &String| {
            let agree = sides.is_none_or(|(old, new)| agrees(old, from) && agrees(new, to));
            if act == Act::Edit && agree && from != to {
                Ok((from.clone(), to.clone()))
            } else {
                Err(contradiction(line))
            }
        };
        match (
            &self.rename_from,
            &self.rename_to,
            &self.copy_from,
            &self.copy_to,
        ) {
            (None, None, None, None) => {}
            (Some(from), Some(to), None, None) => {
                return moved(from, to).map(|(from, to)| Target::Rename { from, to });
            }
            (None, None, Some(from), Some(to)) => {
                return moved(from, to).map(|(from, to)| Target::Copy { from, to });
            }
            _ => return Err(contradiction(line)),
        }
        let path = path_of(pair, sides, line)?;
        Ok(match act {
            Act::Create => Target::Create(path),
            Act::Delete => Target::Delete(path),
            Act::Edit => Target::Edit(path),
        })
    }
}

/// The path of a file that does not move; every line that names it must agree.
fn path_of(
    pair: Option<&(Vec<u8>, Vec<u8>)>,
    sides: Option<&Sides>,
    line: usize,
) -> Result<String, Error> {
    let from_sides = || match sides? {
        (names::Side::Name(old), names::Side::Name(new)) => names::common(old, new),
        (names::Side::Name(only), names::Side::Nothing)
        | (names::Side::Nothing, names::Side::Name(only)) => Some(names::lone(only)),
        (names::Side::Nothing, names::Side::Nothing) => None,
    };
    let from_pair = pair.and_then(|(old, new)| names::common(old, new));
    let Some(path) = from_pair.or_else(from_sides) else {
        return Err(Error::at(
            line,
            "the lines of this file do not agree on its name",
            "a file that moves needs `rename from` and `rename to` lines",
        ));
    };
    let path = names::utf8(path, line)?;
    match sides {
        Some((old, new)) if !agrees(old, &path) || !agrees(new, &path) => Err(contradiction(line)),
        Some(_) | None => Ok(path),
    }
}

fn agrees(side: &names::Side, path: &str) -> bool {
    match side {
        names::Side::Nothing => true,
        names::Side::Name(name) => names::is_name_of(name, path.as_bytes()),
    }
}

fn contradiction(line: usize) -> Error {
    Error::at(
        line,
        "the header lines of this file contradict each other",
        "make the patch with `git diff`, and do not edit its header lines",
    )
}

fn once<T>(slot: &mut Option<T>, value: T, line: usize) -> Result<(), Error> {
    if slot.replace(value).is_some() {
        return Err(contradiction(line));
    }
    Ok(())
}

fn mode(text: &[u8], line: usize) -> Result<FileMode, Error> {
    let parsed = std::str::from_utf8(text).ok().and_then(FileMode::parse);
    parsed.ok_or_else(|| {
        Error::at(
            line,
            format!("not a file mode of git: {:?}", visible(text)),
            "git knows 100644, 100755, 120000 and 160000",
        )
    })
}
