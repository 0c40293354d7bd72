//! Lines of a content, and how many a change adds and removes.

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices};

use crate::model::{FileState, LineStat};

/// Beyond so many lines on both sides together (after the common head and tail) no alignment is
/// searched: the middle counts as replaced, which can only count more than git would, never less.
const MAX_ALIGNED: usize = 100_000;

/// The lines that git sees: each ends with `\n`, the last perhaps without.
pub(super) fn split(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|b| *b == b'\n').collect()
}

/// The lines that a limit counts: `\n`, `\r\n` and a lone `\r` each end one, so that no choice of
/// line end hides lines from the limit.
fn split_all_kinds(content: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let end = match rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            None => rest.len(),
            Some(at) if rest.get(at..at + 2) == Some(b"\r\n") => at + 2,
            Some(at) => at + 1,
        };
        let (line, tail) = rest.split_at(end);
        lines.push(line);
        rest = tail;
    }
    lines
}

/// The edit script between two lists of lines, by `similar` with the same kind of bounded search
/// that git uses.
pub(super) fn diff(old: &[&[u8]], new: &[&[u8]]) -> Vec<DiffOp> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - head;
    let backwards = old.iter().rev().zip(new.iter().rev());
    let tail = backwards.take(most).take_while(|(a, b)| a == b).count();
    let (old_mid, new_mid) = (old.len() - head - tail, new.len() - head - tail);
    if old_mid + new_mid <= MAX_ALIGNED {
        return capture_diff_slices(Algorithm::Myers, old, new);
    }
    let equal = |old_index, new_index, len| DiffOp::Equal {
        old_index,
        new_index,
        len,
    };
    let mut ops = vec![
        equal(0, 0, head),
        DiffOp::Replace {
            old_index: head,
            old_len: old_mid,
            new_index: head,
            new_len: new_mid,
        },
        equal(old.len() - tail, new.len() - tail, tail),
    ];
    ops.retain(|op| !(op.tag() == DiffTag::Equal && op.old_range().is_empty()));
    ops
}

/// Added and removed lines between two states of a file.
pub(super) fn stat(before: Option<&FileState>, after: Option<&FileState>) -> LineStat {
    let old = split_all_kinds(before.map(FileState::bytes).unwrap_or_default());
    let new = split_all_kinds(after.map(FileState::bytes).unwrap_or_default());
    let mut stat = LineStat::default();
    for op in diff(&old, &new) {
        if op.tag() != DiffTag::Equal {
            stat.removed += op.old_range().len() as u64;
            stat.added += op.new_range().len() as u64;
        }
    }
    stat
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FileMode;

    fn stat_of(old: &str, new: &str) -> (u64, u64) {
        let state = |t: &str| FileState::proposed(FileMode::Regular, t.as_bytes().to_vec());
        let stat = stat(Some(&state(old)), Some(&state(new)));
        (stat.added, stat.removed)
    }

    #[test]
    fn every_kind_of_line_end_counts() {
        assert_eq!(stat_of("", "a"), (1, 0));
        assert_eq!(stat_of("", "a\nb\n"), (2, 0));
        assert_eq!(stat_of("", "a\r\nb\r\n"), (2, 0));
        assert_eq!(stat_of("", "a\rb\rc"), (3, 0));
        assert_eq!(stat_of("", "\n\r\r\n"), (3, 0));
        assert_eq!(stat_of("a\nb\nc\n", "a\nx\nc\n"), (1, 1));
        assert_eq!(stat_of("a\n", "a"), (1, 1));
    }

    #[test]
    fn a_middle_too_large_to_align_counts_as_replaced() {
        let text = |step: u32| {
            let lines: Vec<String> = (0..60_000).map(|i| (i * step + 1).to_string()).collect();
            format!("h\n{}\nt\n", lines.join("\n"))
        };
        // The first of the lines is the same, and part of the common head.
        let (added, removed) = stat_of(&text(1), &text(7));
        assert_eq!((added, removed), (59_999, 59_999));
    }
}
