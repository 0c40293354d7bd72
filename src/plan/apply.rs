//! Hunks applied to one file, exactly, with a readable account of what does not fit.

use super::draft::ApplyFailure;
use super::lines;
use super::patch::Hunk;
use super::text::{count, visible};

/// The most lines of one hunk that a failure shows.
const MAX_DETAIL: usize = 60;

/// The most failing hunks of one file that are reported.
const MAX_FAILURES: usize = 10;

/// Applies the hunks to a content; every hunk must find its old lines at its line.
pub(super) fn apply(
    path: &str,
    content: &[u8],
    hunks: &[Hunk],
) -> Result<Vec<u8>, Vec<ApplyFailure>> {
    let base = lines::split(content);
    let mut failures = Vec::new();
    let mut new: Vec<u8> = Vec::with_capacity(content.len());
    let mut done = 0;
    for hunk in hunks {
        let old = hunk.old_side();
        if base.get(hunk.start..hunk.start + old.len()) != Some(old.as_slice()) {
            failures.push(mismatch(path, &base, hunk, &old));
            if failures.len() == MAX_FAILURES {
                break;
            }
            continue;
        }
        let kept = base.get(done..hunk.start).unwrap_or_default();
        new.extend(kept.iter().copied().flatten());
        let added = hunk.new_side();
        let glued = !new.is_empty() && !new.ends_with(b"\n") && !added.is_empty();
        new.extend(added.iter().copied().flatten());
        done = hunk.start + old.len();
        let cut = !new.is_empty() && !new.ends_with(b"\n") && done < base.len();
        if glued || cut {
            failures.push(line_end_inside(path, hunk));
        }
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let kept = base.get(done..).unwrap_or_default();
    new.extend(kept.iter().copied().flatten());
    Ok(new)
}

/// Only the last line of a file may lack its line end.
fn line_end_inside(path: &str, hunk: &Hunk) -> ApplyFailure {
    ApplyFailure {
        path: path.to_owned(),
        message: "the hunk leaves a line without a line end in the middle of the file".to_owned(),
        hint: "make the patch again with `git diff` on the base commit".to_owned(),
        detail: vec![title(hunk)],
    }
}

fn title(hunk: &Hunk) -> String {
    format!("line {} of the patch: {}", hunk.line, hunk.header)
}

fn mismatch(path: &str, base: &[&[u8]], hunk: &Hunk, old: &[&[u8]]) -> ApplyFailure {
    let places = find(base, old);
    let at = hunk.start + 1;
    let hint = if let Some(first) = places.first() {
        let all: Vec<String> = places.iter().map(|p| (p + 1).to_string()).collect();
        let delta = first + 1;
        format!(
            "the same lines are at {}; if that is the place, correct the header to `-{delta},…` \
             or make the patch again on the base commit",
            all.join(", ")
        )
    } else if line_ends_differ(base, old) {
        "the line ends differ (CRLF against LF); make the patch again on the base commit".to_owned()
    } else {
        "make the patch again on the base commit".to_owned()
    };
    ApplyFailure {
        path: path.to_owned(),
        message: format!("the hunk does not match the base commit at line {at}"),
        hint,
        detail: compare(base, hunk, old),
    }
}

/// Whether trimming line ends would make the first line that differs equal.
fn line_ends_differ(base: &[&[u8]], old: &[&[u8]]) -> bool {
    let crlf = |lines: &[&[u8]]| lines.iter().take(1000).any(|l| l.ends_with(b"\r\n"));
    let known = old.iter().take(20).any(|line| {
        let line = line.trim_ascii_end();
        !line.is_empty() && base.iter().take(50_000).any(|b| b.trim_ascii_end() == line)
    });
    crlf(base) != crlf(old) && known
}

/// The old lines of a hunk beside what the base has at that place.
fn compare(base: &[&[u8]], hunk: &Hunk, old: &[&[u8]]) -> Vec<String> {
    let mut detail = vec![title(hunk)];
    let first_wrong = old
        .iter()
        .enumerate()
        .position(|(i, line)| base.get(hunk.start + i) != Some(line))
        .unwrap_or(0);
    // A long hunk is shown from a little before the first line that differs.
    let from = first_wrong.saturating_sub(5);
    if from > 0 {
        detail.push(format!("… {} that match", count(from, "line")));
    }
    for (i, expected) in old.iter().enumerate().skip(from) {
        if detail.len() >= MAX_DETAIL {
            detail.push(format!("… {} more", count(old.len() - i, "line")));
            break;
        }
        let number = hunk.start + i + 1;
        let found = base.get(hunk.start + i);
        if found == Some(expected) {
            let line = format!("{number:>6}            {}", visible(expected));
            detail.push(line.trim_end().to_owned());
            continue;
        }
        detail.push(format!("{number:>6}  expected  {}", shown(expected)));
        match found {
            Some(line) => detail.push(format!("{number:>6}  base has  {}", shown(line))),
            None => detail.push(format!(
                "{number:>6}  base has  no such line (the file has {})",
                count(base.len(), "line")
            )),
        }
    }
    if old.is_empty() {
        detail.push(format!("the file has {}", count(base.len(), "line")));
    }
    detail
}

/// A line, and whether its line end is missing (which alone can be the difference).
fn shown(line: &[u8]) -> String {
    if line.ends_with(b"\n") {
        visible(line)
    } else {
        format!("{} (no line end)", visible(line))
    }
}

/// Where `needle` occurs in `lines`, at most three places, in linear time (Knuth, Morris, Pratt).
fn find(lines: &[&[u8]], needle: &[&[u8]]) -> Vec<usize> {
    let mut places = Vec::new();
    if needle.is_empty() {
        return places;
    }
    let borders = borders(needle);
    let mut matched = 0;
    for (index, line) in lines.iter().enumerate() {
        while matched > 0 && needle.get(matched) != Some(line) {
            matched = borders.get(matched - 1).copied().unwrap_or(0);
        }
        if needle.get(matched) == Some(line) {
            matched += 1;
        }
        if matched == needle.len() {
            places.push(index + 1 - needle.len());
            if places.len() == 3 {
                break;
            }
            matched = borders.get(matched - 1).copied().unwrap_or(0);
        }
    }
    places
}

/// For each prefix of `needle`, the length of its longest proper prefix that is also its suffix.
fn borders(needle: &[&[u8]]) -> Vec<usize> {
    let mut borders = vec![0; needle.len()];
    let mut length = 0;
    for (index, line) in needle.iter().enumerate().skip(1) {
        while length > 0 && needle.get(length) != Some(line) {
            length = borders.get(length - 1).copied().unwrap_or(0);
        }
        if needle.get(length) == Some(line) {
            length += 1;
        }
        if let Some(slot) = borders.get_mut(index) {
            *slot = length;
        }
    }
    borders
}
