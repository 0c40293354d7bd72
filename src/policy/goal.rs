//! The goal: one sentence that a person reads in a terminal and in a commit.

use crate::model::Violation;
use crate::policy::finding::{broken, code_point};
use crate::policy::fold::is_invisible;

/// A sentence longer than this is not read; most are under 120 characters.
const MAX_CHARS: usize = 500;

/// Abbreviations that end with a dot and never a sentence.
const INNER: [&str; 15] = [
    "e.g", "i.e", "vs", "cf", "approx", "resp", "incl", "excl", "viz", "mr", "mrs", "ms", "dr",
    "prof", "st",
];
/// Abbreviations that may end a sentence: the next word tells.
const OUTER: [&str; 8] = ["etc", "al", "inc", "ltd", "co", "corp", "jr", "sr"];
/// Abbreviations in front of a number.
const BEFORE_NUMBER: [&str; 8] = ["no", "nr", "fig", "sec", "ch", "p", "pp", "eq"];

/// Judges a goal; secrets are judged by the caller.
pub(super) fn judge(goal: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    // A line end is only white space: a request may be typed on two lines, and every sink escapes.
    let strange = |c: &char| (c.is_control() && *c != '\n') || is_invisible(*c);
    if let Some(c) = goal.chars().find(strange) {
        violations.push(broken(
            "goal.control_characters",
            goal,
            format!(
                "holds {}, which a terminal acts on or a reader does not see",
                code_point(c)
            ),
            "write the goal as plain text",
        ));
    }
    if let Some(why) = not_one_sentence(goal) {
        violations.push(broken(
            "goal.not_one_sentence",
            goal,
            why,
            "say in one sentence what the change is for",
        ));
    }
    violations
}

fn not_one_sentence(goal: &str) -> Option<String> {
    let trimmed = goal.trim();
    if !trimmed.chars().any(char::is_alphanumeric) {
        return Some("is empty".to_owned());
    }
    let length = trimmed.chars().count();
    if length > MAX_CHARS {
        return Some(format!("has {length} characters; at most {MAX_CHARS}"));
    }
    let mut lines = trimmed.lines().map(str::trim);
    if lines.any(str::is_empty) {
        return Some("has two paragraphs".to_owned());
    }
    let words: Vec<&str> = trimmed.split_whitespace().collect();
    for pair in words.windows(2) {
        if let [word, next] = pair
            && ends_sentence(word, next)
        {
            return Some(format!("a second sentence begins after {word:?}"));
        }
    }
    let stop = trimmed
        .char_indices()
        .find(|(_, c)| matches!(c, '。' | '！' | '？'));
    let (at, stop) = stop?;
    let rest = trimmed.get(at + stop.len_utf8()..).unwrap_or_default();
    rest.chars()
        .any(char::is_alphanumeric)
        .then(|| format!("a second sentence begins after {stop:?}"))
}

/// Whether a word ends a sentence, given the one behind it.
fn ends_sentence(word: &str, next: &str) -> bool {
    let closing = |c: char| matches!(c, ')' | ']' | '"' | '\'' | '”' | '’' | '»' | '`');
    let inner = word.trim_end_matches(closing);
    let quoted = inner.len() < word.len();
    let word = inner;
    let stem = word.trim_end_matches(['.', '!', '?', '…']);
    let ending = word.get(stem.len()..).unwrap_or_default();
    let stem = stem.trim_start_matches(|c: char| !c.is_alphanumeric());
    // A mark of its own (`...`, `?`) is talked about, not spoken.
    if ending.is_empty() || stem.is_empty() {
        return false;
    }
    let next_is_lower = next.chars().next().is_some_and(char::is_lowercase);
    // The mark belongs to what is quoted: `make "what?" an error`.
    if quoted && next_is_lower {
        return false;
    }
    if ending == "…" || ending.starts_with("..") {
        return !next_is_lower;
    }
    if ending != "." {
        return true;
    }
    let lower = stem.to_lowercase();
    let is = |list: &[&str]| list.contains(&lower.as_str());
    let next_is_number = next.starts_with(|c: char| c.is_ascii_digit());
    let initial = stem.chars().count() == 1 && stem.chars().all(char::is_uppercase);
    !(initial
        || is(&INNER)
        || (is(&OUTER) && next_is_lower)
        || (is(&BEFORE_NUMBER) && next_is_number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(goal: &str) -> Vec<String> {
        judge(goal).into_iter().map(|v| v.rule).collect()
    }

    #[test]
    fn one_sentence_passes_with_all_that_may_stand_in_it() {
        for goal in [
            "Fix the parser",
            "Fix the parser.",
            "Support v1.2 in setup.py and tox.ini.",
            "Handle lists, e.g. tuples, i.e. anything that iterates",
            "Speed up `a.b.c()` (see no. 12 by J. Smith et al. in 2020)!",
            "Make \"what?\" an error",
            "Rename x... to y",
            "Refuse names with $(touch pwn) and 'quotes'",
            "Wrap a long request\nover two lines",
            "修正解析器。",
            "Handle ... and ? as names",
        ] {
            assert!(judge(goal).is_empty(), "{goal:?}: {:?}", judge(goal));
        }
    }

    #[test]
    fn two_sentences_or_none_are_refused() {
        for goal in [
            "Fix the parser. Add a test.",
            "Fix it! Then go on",
            "Is it? No",
            "Support v1.2. Then go on",
            "fix this. then that",
            "修正。追加。",
            "",
            "   ",
            "...",
            "One\n\nTwo",
            &"a ".repeat(300),
        ] {
            assert_eq!(rules(goal), ["goal.not_one_sentence"], "{goal:?}");
        }
    }

    #[test]
    fn what_a_terminal_acts_on_is_refused() {
        for goal in [
            "ok\u{1b}]52;c;aGk=\u{7}x",
            "a\rb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\0b",
            "a\tb",
        ] {
            assert!(
                rules(goal).contains(&"goal.control_characters".to_owned()),
                "{goal:?}"
            );
        }
    }
}
