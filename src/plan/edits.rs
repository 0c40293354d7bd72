//! The edits of a proposal, and what they make of the base commit's files.

use super::draft::ApplyFailure;
use super::overlay::{Overlay, Slot};
use super::text::visible;
use crate::model::{FileMode, FileState, TreeError};

/// One edit of a proposal (CONTRACT: `edits`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The whole new content of a file, new or not.
    Write {
        /// The path, exactly as proposed.
        path: String,
        /// The content.
        content: Vec<u8>,
        /// The mode; without one the file keeps its mode, and a new file is ordinary.
        mode: Option<FileMode>,
    },
    /// An exact text that occurs once becomes another.
    Replace {
        /// The path, exactly as proposed.
        path: String,
        /// The text that must occur exactly once.
        find: String,
        /// The text that takes its place.
        with: String,
        /// The mode afterwards, where it changes.
        mode: Option<FileMode>,
    },
    /// The file goes away.
    Delete {
        /// The path, exactly as proposed.
        path: String,
    },
    /// The file moves; with content, it changes on the way.
    Rename {
        /// The path it has.
        path: String,
        /// The path it gets.
        to: String,
        /// The content afterwards, where it changes.
        content: Option<Vec<u8>>,
        /// The mode afterwards, where it changes.
        mode: Option<FileMode>,
    },
    /// The mode changes.
    Chmod {
        /// The path, exactly as proposed.
        path: String,
        /// The mode afterwards.
        mode: FileMode,
    },
}

impl Edit {
    /// The path that the edit names first.
    pub fn path(&self) -> &str {
        match self {
            Self::Write { path, .. }
            | Self::Replace { path, .. }
            | Self::Delete { path }
            | Self::Rename { path, .. }
            | Self::Chmod { path, .. } => path,
        }
    }
}

/// Applies the edits in their order.
pub(super) fn apply(edits: &[Edit], overlay: &mut Overlay<'_>) -> Result<(), TreeError> {
    for edit in edits {
        match edit {
            Edit::Write {
                path,
                content,
                mode,
            } => write(overlay.slot(path)?, content.clone(), *mode),
            Edit::Replace {
                path,
                find,
                with,
                mode,
            } => replace(overlay.slot(path)?, find, with, *mode),
            Edit::Delete { path } => delete(overlay.slot(path)?),
            Edit::Rename { path, to, .. } => {
                let moved = take(overlay.slot(path)?);
                if let Some(mut state) = moved {
                    edit.finish_move(&mut state);
                    overlay.slot(to)?.place(state, Some(path));
                } else {
                    // The target is judged by the policy all the same.
                    overlay.slot(to)?.failed.get_or_insert_default();
                }
            }
            Edit::Chmod { path, mode } => chmod(overlay.slot(path)?, *mode),
        }
    }
    Ok(())
}

impl Edit {
    /// Gives a moved file the content and mode that the edit asks for.
    fn finish_move(&self, state: &mut FileState) {
        match self {
            Self::Rename {
                content: wanted,
                mode,
                ..
            } => {
                let mode = mode.unwrap_or(state.mode);
                match wanted {
                    Some(bytes) if bytes != state.bytes() => {
                        *state = FileState::proposed(mode, bytes.clone());
                    }
                    Some(_) | None => state.mode = mode,
                }
            }
            Self::Write { .. }
            | Self::Replace { .. }
            | Self::Delete { .. }
            | Self::Chmod { .. } => {}
        }
    }
}

fn write(slot: &mut Slot, content: Vec<u8>, mode: Option<FileMode>) {
    if slot.is_directory {
        slot.fail(is_directory(&slot.path));
    }
    let kept = slot.now.as_ref().map(|state| state.mode);
    let mode = mode.or(kept).unwrap_or(FileMode::Regular);
    slot.now = Some(FileState::proposed(mode, content));
}

fn delete(slot: &mut Slot) {
    if slot.before.is_none() {
        slot.fail(missing(slot));
    }
    slot.now = None;
}

fn chmod(slot: &mut Slot, mode: FileMode) {
    match slot.now.as_mut() {
        Some(state) => state.mode = mode,
        None => slot.fail(missing(slot)),
    }
}

fn take(slot: &mut Slot) -> Option<FileState> {
    let taken = slot.now.take();
    if taken.is_none() {
        slot.fail(missing(slot));
    }
    taken
}

fn replace(slot: &mut Slot, find: &str, with: &str, mode: Option<FileMode>) {
    let Some(state) = slot.now.clone() else {
        slot.fail(missing(slot));
        return;
    };
    let problem = match (&state.content, std::str::from_utf8(state.bytes())) {
        (None, _) => too_large(&slot.path),
        (Some(_), Err(_)) => not_text(&slot.path),
        (Some(_), Ok(text)) => match occurrences(text, find).as_slice() {
            [at] => {
                let (head, tail) = (text.get(..*at), text.get(at + find.len()..));
                let new = [head.unwrap_or_default(), with, tail.unwrap_or_default()].concat();
                let mode = mode.unwrap_or(state.mode);
                slot.now = Some(FileState::proposed(mode, new.into_bytes()));
                return;
            }
            [] => not_found(&slot.path, text, find),
            several => ambiguous(&slot.path, text, several),
        },
    };
    slot.fail_lines(problem, find, with);
}

/// More occurrences than this are not counted.
const MAX_OCCURRENCES: usize = 100;

/// Where `find` begins, overlapping places included, at most [`MAX_OCCURRENCES`].
fn occurrences(text: &str, find: &str) -> Vec<usize> {
    let step = find.chars().next().map_or(1, char::len_utf8);
    let mut found = Vec::new();
    let mut from = 0;
    while found.len() < MAX_OCCURRENCES {
        let Some(at) = text.get(from..).and_then(|rest| rest.find(find)) else {
            break;
        };
        found.push(from + at);
        from += at + step;
    }
    found
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().split('\n').count()
}

fn ambiguous(path: &str, text: &str, places: &[usize]) -> ApplyFailure {
    let more = if places.len() == MAX_OCCURRENCES {
        " or more"
    } else {
        ""
    };
    let lines: Vec<String> = places
        .iter()
        .take(10)
        .map(|at| format!("line {}", line_of(text, *at)))
        .collect();
    ApplyFailure {
        path: path.to_owned(),
        message: format!("the text to replace occurs {}{more} times", places.len()),
        hint: "take in more of the text around it, so that it occurs once".to_owned(),
        detail: vec![format!("it begins at {}", lines.join(", "))],
    }
}

fn not_found(path: &str, text: &str, find: &str) -> ApplyFailure {
    let mut detail = Vec::new();
    if let Some(wanted) = find.lines().find(|line| !line.trim().is_empty()) {
        detail.push(format!("expected  {}", visible(wanted.as_bytes())));
        if let Some((number, line, how)) = nearest(text, wanted) {
            detail.push(format!("{how}, at line {number}:"));
            detail.push(format!("base has  {}", visible(line.as_bytes())));
        }
    }
    ApplyFailure {
        path: path.to_owned(),
        message: "the text to replace occurs 0 times".to_owned(),
        hint: "copy the text exactly from the base commit, white space and line ends included"
            .to_owned(),
        detail,
    }
}

/// The line of `text` that is most like `wanted`: the same but for white space around it, else the
/// one that shares the most words, with its number.
fn nearest<'a>(text: &'a str, wanted: &str) -> Option<(usize, &'a str, &'static str)> {
    // Enough for any file that a person edits; keeps the search short on generated ones.
    let lines = || text.split('\n').take(50_000).enumerate();
    let number = |(index, line): (usize, &'a str), how| (index + 1, line, how);
    if let Some(found) = lines().find(|(_, line)| *line == wanted) {
        return Some(number(
            found,
            "its first line is there, the lines behind it differ",
        ));
    }
    if let Some(found) = lines().find(|(_, line)| line.trim() == wanted.trim()) {
        return Some(number(found, "only white space differs"));
    }
    let words = |line: &str| -> std::collections::HashSet<String> {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        let words = words.filter(|word| !word.is_empty()).take(40);
        words.map(str::to_owned).collect()
    };
    let target = words(wanted);
    let shared = |line: &str| {
        let line = words(line);
        let common = line.intersection(&target).count();
        // In per mille of both together, so that the comparison needs no floating point.
        (2000 * common) / (line.len() + target.len()).max(1)
    };
    let best = lines()
        .map(|(index, line)| (shared(line), std::cmp::Reverse(index), line))
        .max()?;
    let (score, std::cmp::Reverse(index), line) = best;
    (score >= 400).then(|| number((index, line), "the nearest line is another"))
}

/// The file is not in the base commit, or an earlier edit removed it.
pub(super) fn missing(slot: &Slot) -> ApplyFailure {
    if slot.is_directory {
        return is_directory(&slot.path);
    }
    let message = if slot.before.is_some() {
        "an earlier edit of this proposal already removed the file"
    } else {
        "there is no such file in the base commit"
    };
    ApplyFailure {
        path: slot.path.clone(),
        message: message.to_owned(),
        hint: "check the path, and that the base is the commit the proposal was made for"
            .to_owned(),
        detail: Vec::new(),
    }
}

/// The path is a directory of the base commit.
pub(super) fn is_directory(path: &str) -> ApplyFailure {
    ApplyFailure {
        path: path.to_owned(),
        message: "it is a directory in the base commit".to_owned(),
        hint: "name a file".to_owned(),
        detail: Vec::new(),
    }
}

/// The file is too large to be loaded.
pub(super) fn too_large(path: &str) -> ApplyFailure {
    ApplyFailure {
        path: path.to_owned(),
        message: "the file in the base commit is too large to edit".to_owned(),
        hint: "change such a file by hand".to_owned(),
        detail: Vec::new(),
    }
}

fn not_text(path: &str) -> ApplyFailure {
    ApplyFailure {
        path: path.to_owned(),
        message: "the file in the base commit is not UTF-8 text".to_owned(),
        hint: "use a patch, which works on bytes".to_owned(),
        detail: Vec::new(),
    }
}
