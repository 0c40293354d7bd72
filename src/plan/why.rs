//! Why a file is in the plan, in one phrase of facts.

use similar::DiffTag;

use super::kinds;
use super::{lines, names};
use crate::model::{ChangeSet, FileChange, FileMode, FileState};

/// The most functions that a phrase names.
const MAX_NAMED: usize = 3;

/// Why a file is in the plan: what the change does to it, and whether the request names it.
pub(super) fn why(file: &FileChange, changes: &ChangeSet, request: &str) -> String {
    let mut phrase = match (&file.before, &file.after) {
        (None, Some(_)) => added(file),
        (Some(before), Some(after)) => edited(file, before, after),
        (_, None) => deleted(file, changes),
    };
    if is_named(&file.path, request) {
        phrase.push_str("; named in the request");
    }
    phrase
}

/// Whether a text names a path, or at least its file name.
pub(super) fn is_named(path: &str, text: &str) -> bool {
    let name = kinds::file_name(path);
    let separator = |c: char| c.is_whitespace() || "\"'`(),;:!?<>[]".contains(c);
    let words = text.split(separator).map(|word| word.trim_end_matches('.'));
    name.contains('.') && words.into_iter().any(|word| word == path || word == name)
}

fn noun(path: &str) -> &'static str {
    if kinds::is_test(path) {
        "test"
    } else if kinds::is_changelog(path) {
        "changelog"
    } else if kinds::is_doc(path) {
        "documentation"
    } else if kinds::is_source(path) {
        "module"
    } else {
        "file"
    }
}

fn added(file: &FileChange) -> String {
    match &file.renamed_from {
        Some(from) => format!("moved from {from}"),
        None => format!("new {}", noun(&file.path)),
    }
}

fn deleted(file: &FileChange, changes: &ChangeSet) -> String {
    let moved = changes
        .files
        .iter()
        .find(|other| other.renamed_from.as_ref() == Some(&file.path));
    match moved {
        Some(target) => format!("moved to {}", target.path),
        None => format!("deletes the {}", noun(&file.path)),
    }
}

fn edited(file: &FileChange, before: &FileState, after: &FileState) -> String {
    let mut facts = Vec::new();
    if before.mode != after.mode {
        facts.push(match after.mode {
            FileMode::Executable => "makes it executable".to_owned(),
            FileMode::Regular if before.mode == FileMode::Executable => {
                "makes it not executable".to_owned()
            }
            FileMode::Regular | FileMode::Symlink | FileMode::Gitlink | FileMode::Tree => {
                format!("changes its mode from {} to {}", before.mode, after.mode)
            }
        });
    }
    if before.content != after.content {
        let touched = touched_functions(&file.path, before, after);
        facts.push(match (noun(&file.path), touched.as_slice()) {
            (noun @ ("documentation" | "changelog"), _) | (noun, []) => format!("edits the {noun}"),
            ("test", touched) => format!("edits {}", quoted(touched, "test")),
            (_, touched) => format!("edits {}", quoted(touched, "function")),
        });
    }
    facts.join(", ")
}

fn quoted(names: &[String], noun: &str) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(MAX_NAMED)
        .map(|n| format!("`{n}`"))
        .collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    match (shown.as_slice(), more) {
        ([only], 0) => {
            // A type begins with a capital in every language that is looked at.
            let is_type = only.chars().nth(1).is_some_and(char::is_uppercase);
            format!("{} {only}", if is_type { "type" } else { noun })
        }
        (_, 0) => shown.join(", "),
        (_, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The functions and types that hold the changed lines, in order, each once.
fn touched_functions(path: &str, before: &FileState, after: &FileState) -> Vec<String> {
    let (Ok(old), Ok(new)) = (
        std::str::from_utf8(before.bytes()),
        std::str::from_utf8(after.bytes()),
    ) else {
        return Vec::new();
    };
    let ops = lines::diff(&lines::split(old.as_bytes()), &lines::split(new.as_bytes()));
    let (old, new): (Vec<&str>, Vec<&str>) = (rows(old), rows(new));
    let mut found: Vec<String> = Vec::new();
    // A change with more places than this is not summed up in a phrase.
    for op in ops.iter().filter(|op| op.tag() != DiffTag::Equal).take(50) {
        let (side, range) = if op.new_range().is_empty() {
            (&old, op.old_range())
        } else {
            (&new, op.new_range())
        };
        for index in range.take(200) {
            if side.get(index).is_none_or(|line| line.trim().is_empty()) {
                continue;
            }
            if let Some(name) = names::enclosing(path, side, index)
                && found.iter().all(|known| known != name)
            {
                found.push(name.to_owned());
            }
        }
    }
    found
}

fn rows(text: &str) -> Vec<&str> {
    text.split('\n').collect()
}
