//! Goal and topic: the words of a plan.

use super::{Edits, Proposal};
use crate::model::Topic;

/// The longest goal made from a request, in characters; a longer sentence is cut at a blank.
const MAX_GOAL: usize = 300;

/// Words that end with a dot inside a sentence.
const ABBREVIATIONS: [&str; 12] = [
    "e.g.", "i.e.", "etc.", "vs.", "cf.", "approx.", "resp.", "no.", "dr.", "mr.", "ms.", "incl.",
];

/// The goal in one sentence: the proposal's, else the first sentence of the request, else one made
/// from the change. Nothing is cleaned away: the policy judges what it says.
pub fn goal(request: &str, proposal: &Proposal) -> String {
    let stated = proposal.goal.as_deref().map(str::trim);
    if let Some(goal) = stated.filter(|goal| !goal.is_empty()) {
        return goal.to_owned();
    }
    let sentence = first_sentence(request);
    if sentence.is_empty() {
        from_change(&proposal.edits)
    } else {
        sentence
    }
}

/// The text of the topic asked for: the explicit one as it is (the policy judges it), else a slug
/// of the goal, else of the request, else the fallback.
pub fn topic(request: &str, goal: &str, explicit: Option<&str>, fallback: &str) -> String {
    if let Some(topic) = explicit {
        return topic.to_owned();
    }
    let slug = slug_of_whole_words(goal).or_else(|| slug_of_whole_words(request));
    slug.map_or_else(|| fallback.to_owned(), String::from)
}

/// A slug that is not cut inside a word, unless its first word alone is too long.
fn slug_of_whole_words(text: &str) -> Option<Topic> {
    let mut best: Option<Topic> = None;
    let mut head = String::new();
    // More words than a topic can hold need not be looked at.
    for word in text.split_whitespace().take(2 * Topic::MAX_LEN) {
        head.push_str(word);
        head.push(' ');
        let slug = Topic::slug(&head);
        let full = slug
            .as_ref()
            .is_some_and(|s| s.as_str().len() + 1 >= Topic::MAX_LEN);
        if full && best.is_some() {
            break;
        }
        best = slug.or(best);
        if full {
            break;
        }
    }
    best
}

fn from_change(edits: &Edits) -> String {
    let mut paths = edits.paths();
    let mut seen = std::collections::HashSet::new();
    paths.retain(|path| seen.insert(*path));
    match paths.as_slice() {
        [] => "Change nothing".to_owned(),
        [only] => format!("Change {only}"),
        [first, second] => format!("Change {first} and {second}"),
        [first, rest @ ..] => format!("Change {first} and {} more files", rest.len()),
    }
}

/// The first sentence of the first paragraph, on one line.
fn first_sentence(text: &str) -> String {
    let is_blank = |line: &str| line.trim_matches([' ', '\t', '\r']).is_empty();
    let lines = text.split('\n').skip_while(|line| is_blank(line));
    let paragraph: Vec<&str> = lines.take_while(|line| !is_blank(line)).collect();
    // Only plain blanks are folded: any other control character stays for the policy to see.
    let paragraph = paragraph.join(" ");
    let words: Vec<&str> = paragraph
        .split([' ', '\t', '\r'])
        .filter(|w| !w.is_empty())
        .collect();
    let mut sentence = String::new();
    for (index, word) in words.iter().enumerate() {
        if !sentence.is_empty() {
            if sentence.chars().count() + word.chars().count() >= MAX_GOAL {
                sentence.push_str(" …");
                return sentence;
            }
            sentence.push(' ');
        }
        sentence.extend(word.chars().take(MAX_GOAL));
        if words
            .get(index + 1)
            .is_some_and(|next| ends_sentence(word, next))
        {
            return sentence;
        }
    }
    sentence
}

/// Whether a sentence ends between two words: `v1.2`, `e.g.` and `J. Doe` do not end one.
fn ends_sentence(word: &str, next: &str) -> bool {
    let bare = word.trim_end_matches(['"', '\'', ')', '`']);
    if bare.ends_with(['!', '?']) {
        return !next.starts_with(char::is_lowercase);
    }
    let initial = bare.chars().count() == 2 && bare.starts_with(char::is_uppercase);
    let lower = bare.to_lowercase();
    let lower = lower.trim_start_matches(['(', '"', '\'']);
    bare.ends_with('.')
        && !bare.ends_with("..")
        && !initial
        && !ABBREVIATIONS.contains(&lower)
        && !next.starts_with(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{read_patch, read_proposal};

    fn of(request: &str) -> String {
        goal(
            request,
            &read_patch(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n").unwrap(),
        )
    }

    #[test]
    fn the_goal_is_the_first_sentence_of_the_request() {
        let table = [
            ("Fix the parser. It crashes.", "Fix the parser."),
            (
                "Support v1.2 files, e.g. Old ones. Then more.",
                "Support v1.2 files, e.g. Old ones.",
            ),
            ("Fix it\nnow\n\nBecause.", "Fix it now"),
            ("\n\n  Why? Because.", "Why?"),
            ("Use a.b. c instead", "Use a.b. c instead"),
            ("say \"$(rm -rf /)\" 'x'", "say \"$(rm -rf /)\" 'x'"),
            ("with \u{1b}[2J inside", "with \u{1b}[2J inside"),
        ];
        for (request, goal) in table {
            assert_eq!(of(request), goal);
        }
        assert!(of(&"word ".repeat(1000)).chars().count() <= MAX_GOAL + 2);
    }

    #[test]
    fn without_words_the_goal_is_made_from_the_change() {
        assert_eq!(of(" \n"), "Change x");
        let json = br#"{"schema":1,"edits":[{"path":"src/a.py","op":"delete"},
            {"path":"b","op":"delete"},{"path":"c","op":"delete"}]}"#;
        let proposal = read_proposal(json).unwrap();
        assert_eq!(goal("", &proposal), "Change src/a.py and 2 more files");
    }

    #[test]
    fn a_topic_is_explicit_or_made_of_whole_words() {
        assert_eq!(topic("r", "g", Some("../x"), "f"), "../x");
        assert_eq!(topic("r", "Add logging!", None, "f"), "add-logging");
        assert_eq!(topic("Old text", "日本語", None, "f"), "old-text");
        assert_eq!(topic("", "日本語", None, "f"), "f");
        let long = "Make the parser of configuration files accept comments everywhere";
        assert_eq!(
            topic("", long, None, "f"),
            "make-the-parser-of-configuration-files-accept"
        );
        assert_eq!(topic("", &"a".repeat(80), None, "f"), "a".repeat(50));
    }
}
