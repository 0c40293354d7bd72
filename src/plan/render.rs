//! The proposed change as a git-format patch, for the reviewer's preview.

use similar::{DiffOp, DiffTag, group_diff_ops};

use super::lines;
use super::text::count;
use crate::model::{ChangeSet, FileChange, FileMode, FileState};

/// Lines of context around a change, as git shows them.
const CONTEXT: usize = 3;

/// Renders a change as a git-format unified diff of at most about `limit_bytes`; when it is cut,
/// the last line says what is missing. A rename is shown as its delete and its add.
///
/// This is a preview: the evidence holds git's own diff of the commit.
pub fn render_patch(changes: &ChangeSet, limit_bytes: usize) -> Vec<u8> {
    let mut out = Output {
        bytes: Vec::new(),
        limit: limit_bytes,
        cut: false,
    };
    for (index, file) in changes.files.iter().enumerate() {
        render_file(&mut out, file);
        if out.cut {
            let left = changes.files.len() - index;
            let note = format!(
                "# preview cut at {limit_bytes} bytes: {} not shown or not shown in full\n",
                count(left, "file")
            );
            out.bytes.extend_from_slice(note.as_bytes());
            break;
        }
    }
    out.bytes
}

/// Whole lines up to a limit.
struct Output {
    bytes: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Output {
    fn line(&mut self, text: &str) {
        self.whole(&[text.as_bytes(), b"\n"]);
    }

    /// Lines of a hunk, all of one kind.
    fn contents(&mut self, sign: u8, lines: &[&[u8]]) {
        for line in lines {
            self.content(sign, line);
        }
    }

    /// A line of a hunk, with git's marker when it has no line end.
    fn content(&mut self, sign: u8, text: &[u8]) {
        let end: &[u8] = if text.ends_with(b"\n") {
            b""
        } else {
            b"\n\\ No newline at end of file\n"
        };
        self.whole(&[&[sign], text, end]);
    }

    /// All parts, or none of them and nothing after.
    fn whole(&mut self, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        self.cut |= self.bytes.len() + length > self.limit;
        if !self.cut {
            self.bytes.extend(parts.iter().copied().flatten());
        }
    }
}

fn render_file(out: &mut Output, file: &FileChange) {
    match (&file.before, &file.after) {
        // A change of type is written like git does: the old file goes, the new one comes.
        (Some(before), Some(after)) if kind(before.mode) != kind(after.mode) => {
            render_sides(out, &file.path, Some(before), None);
            render_sides(out, &file.path, None, Some(after));
        }
        (before, after) => render_sides(out, &file.path, before.as_ref(), after.as_ref()),
    }
}

fn kind(mode: FileMode) -> u8 {
    match mode {
        FileMode::Regular | FileMode::Executable => 0,
        FileMode::Symlink => 1,
        FileMode::Gitlink => 2,
        FileMode::Tree => 3,
    }
}

fn render_sides(
    out: &mut Output,
    path: &str,
    before: Option<&FileState>,
    after: Option<&FileState>,
) {
    let (old_name, new_name) = (quoted("a/", path), quoted("b/", path));
    out.line(&format!("diff --git {old_name} {new_name}"));
    match (before, after) {
        (None, Some(after)) => out.line(&format!("new file mode {}", after.mode)),
        (Some(before), None) => out.line(&format!("deleted file mode {}", before.mode)),
        (Some(before), Some(after)) if before.mode != after.mode => {
            out.line(&format!("old mode {}", before.mode));
            out.line(&format!("new mode {}", after.mode));
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
    let (old, new) = (bytes(before), bytes(after));
    if old == new && loaded(before) && loaded(after) {
        return;
    }
    let old_label = before.map_or("/dev/null", |_| &old_name);
    let new_label = after.map_or("/dev/null", |_| &new_name);
    if !loaded(before) || !loaded(after) || old.contains(&0) || new.contains(&0) {
        out.line(&format!("Binary files {old_label} and {new_label} differ"));
        return;
    }
    out.line(&format!("--- {}", tabbed(old_label)));
    out.line(&format!("+++ {}", tabbed(new_label)));
    let (old, new) = (lines::split(old), lines::split(new));
    for ops in group_diff_ops(lines::diff(&old, &new), CONTEXT) {
        if out.cut {
            return;
        }
        render_hunk(out, &ops, &old, &new);
    }
}

fn bytes(state: Option<&FileState>) -> &[u8] {
    state.map(FileState::bytes).unwrap_or_default()
}

/// Whether the content is at hand; a file too large to load is shown like a binary one.
fn loaded(state: Option<&FileState>) -> bool {
    state.is_none_or(|state| state.content.is_some())
}

fn render_hunk(out: &mut Output, ops: &[DiffOp], old: &[&[u8]], new: &[&[u8]]) {
    let (Some(first), Some(last)) = (ops.first(), ops.last()) else {
        return;
    };
    let header = format!(
        "@@ -{} +{} @@",
        range(first.old_range().start, last.old_range().end),
        range(first.new_range().start, last.new_range().end)
    );
    out.line(&header);
    for op in ops {
        let removed = old.get(op.old_range()).unwrap_or_default();
        let added = new.get(op.new_range()).unwrap_or_default();
        if op.tag() == DiffTag::Equal {
            out.contents(b' ', removed);
        } else {
            out.contents(b'-', removed);
            out.contents(b'+', added);
        }
    }
}

fn range(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    }
}

/// A name in git's C-style quotes where it needs them.
fn quoted(prefix: &str, path: &str) -> String {
    let plain = |b: u8| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\';
    if path.bytes().all(plain) {
        return format!("{prefix}{path}");
    }
    let mut name = format!("\"{prefix}");
    for byte in path.bytes() {
        match byte {
            b'"' => name.push_str("\\\""),
            b'\\' => name.push_str("\\\\"),
            b'\t' => name.push_str("\\t"),
            b'\n' => name.push_str("\\n"),
            byte if plain(byte) => name.push(char::from(byte)),
            byte => {
                name.push('\\');
                name.extend([byte >> 6, byte >> 3 & 7, byte & 7].map(|d| char::from(b'0' + d)));
            }
        }
    }
    name.push('"');
    name
}

/// Git ends an unquoted name with blanks by a tab, so that it cannot be taken for a time stamp.
fn tabbed(label: &str) -> String {
    if label.contains(' ') && !label.starts_with('"') {
        format!("{label}\t")
    } else {
        label.to_owned()
    }
}
