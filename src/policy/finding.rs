//! Small helpers that every check uses to report what it found.

use crate::model::{Risk, Violation};

/// The longest subject or detail, in characters: hostile text must not drown the other findings.
const MAX_CHARS: usize = 200;

/// The longest remedy: it may name a path and a file of the user's own.
const MAX_REMEDY: usize = 1000;

/// What to do about a rule that nothing lifts.
pub(super) const BY_HAND: &str = "never editable; change it by hand";

/// A violation of a rule of the embedded floor.
pub(super) fn broken(
    rule: &str,
    subject: &str,
    detail: impl Into<String>,
    remedy: impl Into<String>,
) -> Violation {
    Violation {
        rule: rule.to_owned(),
        subject: subject.to_owned(),
        detail: detail.into(),
        source: "embedded".to_owned(),
        remedy: remedy.into(),
    }
}

/// A risk note.
pub(super) fn risk(id: &str, subject: &str, detail: impl Into<String>) -> Risk {
    Risk {
        id: id.to_owned(),
        subject: subject.to_owned(),
        detail: detail.into(),
    }
}

/// Cuts a subject or detail to [`MAX_CHARS`] characters.
pub(super) fn bounded(text: &str) -> String {
    cut(text, MAX_CHARS)
}

/// Cuts a remedy to [`MAX_REMEDY`] characters.
pub(super) fn bounded_remedy(text: &str) -> String {
    cut(text, MAX_REMEDY)
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// `U+202E`, for a character that must not be shown.
pub(super) fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}
