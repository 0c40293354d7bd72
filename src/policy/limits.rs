//! How large a change may be: what one person reviews in one sitting.

use serde::Serialize;

use crate::model::{ChangeSet, FileChange, FileState, Violation};
use crate::policy::finding::broken;
use crate::policy::lines;
use crate::policy::source::LimitName;

/// A number and who set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Limit {
    pub(super) value: u64,
    pub(super) source: String,
}

impl Limit {
    pub(super) fn embedded(value: u64) -> Self {
        Self {
            value,
            source: "embedded".to_owned(),
        }
    }

    /// Takes the smaller number.
    pub(super) fn tighten(&mut self, value: Option<std::num::NonZeroU64>, source: &str) {
        if let Some(value) = value.map(u64::from).filter(|value| *value < self.value) {
            self.value = value;
            source.clone_into(&mut self.source);
        }
    }

    /// Takes the human's number, whatever it is.
    pub(super) fn replace(&mut self, value: Option<u64>) {
        if let Some(value) = value {
            self.value = value;
            "environment".clone_into(&mut self.source);
        }
    }
}

/// Every limit in force.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Limits {
    pub(super) files: Limit,
    pub(super) lines: Limit,
    pub(super) timeout_seconds: Limit,
    pub(super) line_length: Limit,
    pub(super) file_bytes: Limit,
    pub(super) total_bytes: Limit,
    pub(super) depth: Limit,
}

impl Limits {
    /// The limit of a name.
    pub(super) fn named(&self, name: LimitName) -> &Limit {
        match name {
            LimitName::MaxFiles => &self.files,
            LimitName::MaxLines => &self.lines,
            LimitName::TimeoutSeconds => &self.timeout_seconds,
            LimitName::MaxLineLength => &self.line_length,
            LimitName::MaxFileBytes => &self.file_bytes,
            LimitName::MaxTotalBytes => &self.total_bytes,
            LimitName::MaxDepth => &self.depth,
        }
    }

    /// Judges the size of a change.
    pub(super) fn judge(&self, changes: &ChangeSet) -> Vec<Violation> {
        let mut violations = Vec::new();
        let files = changes.files.len() as u64;
        let counted = changes
            .files
            .iter()
            .map(changed_lines)
            .fold(0, u64::saturating_add);
        let bytes = changes
            .files
            .iter()
            .map(new_size)
            .fold(0, u64::saturating_add);
        violations.extend(over(
            "limits.files",
            &self.files,
            files,
            "changed files (a rename is two)",
            "split the change, or start milton with MILTON_SELF_UPGRADE_MAX_FILES=N",
        ));
        violations.extend(over(
            "limits.lines",
            &self.lines,
            counted,
            "added and removed lines",
            "split the change, or start milton with MILTON_SELF_UPGRADE_MAX_LOC=N",
        ));
        let smaller = "split the change";
        violations.extend(over(
            "limits.bytes",
            &self.total_bytes,
            bytes,
            "bytes in all files",
            smaller,
        ));
        for file in &changes.files {
            violations.extend(self.judge_file(file));
        }
        violations
    }

    fn judge_file(&self, file: &FileChange) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut check = |rule, limit: &Limit, value, what: &str, remedy| {
            violations.extend(
                over(rule, limit, value, what, remedy).map(|violation| Violation {
                    subject: file.path.clone(),
                    ..violation
                }),
            );
        };
        check(
            "limits.bytes",
            &self.file_bytes,
            new_size(file),
            "bytes",
            "change large files by hand",
        );
        let unread = |state: &FileState| state.content.is_none();
        if file.before.as_ref().is_some_and(unread) {
            // What was there cannot be compared, so the lines that go cannot be counted or scanned.
            let size = file.before.as_ref().map_or(0, |state| state.size);
            check(
                "limits.bytes",
                &self.file_bytes,
                size,
                "bytes before",
                "change large files by hand",
            );
        }
        let depth = file.path.split(['/', '\\']).count() as u64;
        check(
            "limits.files",
            &self.depth,
            depth,
            "components in the path",
            "use a flatter path",
        );
        let after = file.after.as_ref().map_or(&[][..], |state| state.bytes());
        let before = file.before.as_ref().map_or(&[][..], |state| state.bytes());
        let added = lines::only_in(after, before);
        if let Some(longest) = added.iter().max_by_key(|line| line.text.len()) {
            let length = String::from_utf8_lossy(longest.text).chars().count() as u64;
            let what = format!("characters in line {}", longest.number);
            check(
                "limits.line_length",
                &self.line_length,
                length,
                &what,
                "break the line",
            );
        }
        violations
    }
}

fn over(rule: &str, limit: &Limit, value: u64, what: &str, remedy: &str) -> Option<Violation> {
    (value > limit.value).then(|| Violation {
        source: limit.source.clone(),
        ..broken(
            rule,
            "change",
            format!("{value} {what}; at most {}", limit.value),
            remedy,
        )
    })
}

/// The declared lines, but never fewer than the contents show.
pub(super) fn changed_lines(file: &FileChange) -> u64 {
    let declared = file.lines.added.saturating_add(file.lines.removed);
    let after = file.after.as_ref().map_or(&[][..], |state| state.bytes());
    let before = file.before.as_ref().map_or(&[][..], |state| state.bytes());
    let seen = |only: &[lines::Line<'_>]| -> usize {
        only.iter()
            .map(|line| 1 + lines::inner_ends(line.text))
            .sum()
    };
    let added = seen(&lines::only_in(after, before));
    let removed = seen(&lines::only_in(before, after));
    declared.max((added + removed) as u64)
}

fn new_size(file: &FileChange) -> u64 {
    file.after
        .as_ref()
        .map_or(0, |state| state.size.max(state.bytes().len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FileMode, LineStat};

    fn limits() -> Limits {
        let limit = Limit::embedded;
        Limits {
            files: limit(10),
            lines: limit(400),
            timeout_seconds: limit(300),
            line_length: limit(5000),
            file_bytes: limit(1 << 20),
            total_bytes: limit(4 << 20),
            depth: limit(32),
        }
    }

    fn file(path: &str, content: &str) -> FileChange {
        FileChange {
            path: path.to_owned(),
            before: None,
            after: Some(FileState::proposed(
                FileMode::Regular,
                content.as_bytes().to_vec(),
            )),
            renamed_from: None,
            lines: LineStat::default(),
        }
    }

    fn huge_state() -> FileState {
        FileState {
            mode: FileMode::Regular,
            size: 500 << 20,
            content: None,
            oid: None,
        }
    }

    fn rules(files: Vec<FileChange>) -> Vec<String> {
        let violations = limits().judge(&ChangeSet { files });
        violations.into_iter().map(|v| v.rule).collect()
    }

    #[test]
    fn ten_files_pass_and_eleven_do_not() {
        let many = |n| (0..n).map(|i| file(&format!("f{i}"), "x\n")).collect();
        assert!(rules(many(10)).is_empty());
        assert_eq!(rules(many(11)), ["limits.files"]);
    }

    #[test]
    fn four_hundred_lines_pass_and_one_more_does_not_whatever_is_declared() {
        assert!(rules(vec![file("a", &"x\n".repeat(400))]).is_empty());
        assert_eq!(rules(vec![file("a", &"x\n".repeat(401))]), ["limits.lines"]);
        assert_eq!(rules(vec![file("a", &"x\r".repeat(401))]), ["limits.lines"]);
        // To an editor these end a line too; the last of them has nothing behind it.
        for end in ["\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            let text = format!("x{end}").repeat(401);
            assert_eq!(rules(vec![file("a", &text)]), ["limits.lines"], "{end:?}");
            let text = format!("x{end}").repeat(400);
            assert!(rules(vec![file("a", &text)]).is_empty(), "{end:?}");
        }
        assert!(rules(vec![file("a", &"x\n\u{c}\ny\n".repeat(100))]).is_empty());
        let mut declared = file("a", "x\n");
        declared.lines = LineStat {
            added: 300,
            removed: 101,
        };
        assert_eq!(rules(vec![declared]), ["limits.lines"]);
    }

    #[test]
    fn one_long_line_one_large_file_and_one_deep_path_are_refused() {
        assert_eq!(
            rules(vec![file("a", &"x".repeat(5001))]),
            ["limits.line_length"]
        );
        let huge = FileChange {
            after: Some(huge_state()),
            ..file("a", "")
        };
        assert_eq!(rules(vec![huge]), ["limits.bytes", "limits.bytes"]);
        let shrunk = FileChange {
            before: Some(huge_state()),
            ..file("a", "x")
        };
        assert_eq!(rules(vec![shrunk]), ["limits.bytes"]);
        assert_eq!(rules(vec![file(&"d/".repeat(40), "x")]), ["limits.files"]);
    }

    #[test]
    fn a_limit_can_only_be_tightened_by_a_file_and_set_by_the_human() {
        let mut limit = Limit::embedded(10);
        limit.tighten(std::num::NonZeroU64::new(50), "repository");
        assert_eq!(limit, Limit::embedded(10));
        limit.tighten(std::num::NonZeroU64::new(5), "repository");
        assert_eq!((limit.value, limit.source.as_str()), (5, "repository"));
        limit.replace(Some(12));
        assert_eq!((limit.value, limit.source.as_str()), (12, "environment"));
    }
}
