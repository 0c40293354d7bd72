//! Secrets: what looks like one, and how it is masked.
//!
//! The rules are data (`assets/secrets.toml`). All their keywords are searched at once by one
//! automaton; a rule's expression looks only at a text that holds one of its keywords, and is
//! compiled when that first happens. So a start of milton pays for reading the table and for the
//! automaton, not for hundreds of expressions.
//!
//! That stays fail-closed: a table that does not parse, a rule without keywords or examples and a
//! keyword that could never be found refuse the whole policy at load. An expression that does not
//! compile, or fails the rule's own examples, takes every text with one of its keywords for a
//! secret. The tests of milton compile every rule and run all examples.
//!
//! An inline comment such as `gitleaks:allow` means nothing here: the proposal wrote it.

mod randomness;
mod rule;
mod stream;
mod template;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::AhoCorasick;

use crate::policy::error::Error;
use crate::policy::source;
use rule::{Rule, TableText};

pub(super) use rule::Effect;
pub use stream::{MaskedLine, StreamMask};
#[cfg(test)]
pub(super) use template::fill;

/// How every mask begins; what stands in one is never taken for a secret again.
const MASK: &str = "[secret: ";

/// Finds and masks secrets.
#[derive(Debug)]
pub(super) struct Scanner {
    /// In the order of the table: particular ones first, they name what several rules find.
    rules: Vec<Rule>,
    /// Finds the keywords of all rules, whatever their case.
    keywords: AhoCorasick,
    /// For every keyword the rules that it belongs to.
    owners: Vec<Vec<usize>>,
}

/// A secret that was found; it never holds the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// The id of the rule.
    pub(super) rule: String,
    /// Where it stands, in bytes.
    pub(super) range: Range<usize>,
}

impl Hit {
    /// What stands for the secret.
    pub(super) fn masked(&self) -> String {
        mask(&self.rule)
    }
}

/// One match: where, and the index of the rule.
type Match = (Range<usize>, usize);

impl Scanner {
    /// Reads the table and prepares the search; the expressions wait until they are needed.
    pub(super) fn compile(origin: &str, text: &str) -> Result<Self, Error> {
        let table: TableText = source::parse(origin, text)?;
        let rules: Vec<Rule> = table
            .rule
            .into_iter()
            .map(|rule| Rule::new(origin, rule))
            .collect::<Result<_, _>>()?;
        let mut by_keyword: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, rule) in rules.iter().enumerate() {
            for keyword in rule.keywords() {
                by_keyword.entry(keyword).or_default().push(index);
            }
        }
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(by_keyword.keys())
            .map_err(|error| Error::self_test(origin, "keywords", error.to_string()))?;
        let owners = by_keyword.into_values().collect();
        Ok(Self {
            rules,
            keywords,
            owners,
        })
    }

    /// The ids of the rules that refuse a change.
    pub(super) fn names(&self) -> Vec<String> {
        let blocking = self.rules.iter().filter(|r| r.effect == Effect::Block);
        blocking.map(|rule| rule.id.clone()).collect()
    }

    /// Every secret of a text that has the given effect, in order; what several rules find is one.
    pub(super) fn scan(&self, text: &str, effect: Effect) -> Vec<Hit> {
        self.find(text, |rule| rule.effect == effect)
    }

    /// Secrets that keep their form whatever is around them, in a text that was put together.
    pub(super) fn scan_joined(&self, text: &str) -> Vec<Hit> {
        self.find(text, |rule| {
            rule.effect == Effect::Block && !rule.needs_context()
        })
    }

    /// The text with every secret masked.
    pub(super) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let hits = self.find(text, |rule| rule.effect != Effect::Note);
        if hits.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut redacted = String::with_capacity(text.len());
        let mut done = 0;
        for hit in hits {
            redacted.push_str(text.get(done..hit.range.start).unwrap_or_default());
            redacted.push_str(&hit.masked());
            done = hit.range.end;
        }
        redacted.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(redacted)
    }

    /// Every word masked, each for itself and as a part of the whole line.
    pub(super) fn redact_words(&self, words: &[&str]) -> Vec<String> {
        let mut masked = Vec::with_capacity(words.len());
        let line = words.join(" ");
        let hits = self.find(&line, |rule| rule.effect != Effect::Note);
        let mut begin = 0;
        for word in words {
            let end = begin + word.len();
            let inside = |hit: &&Hit| hit.range.start < end && hit.range.end > begin;
            let mut text = String::new();
            let mut done = 0;
            for hit in hits.iter().filter(inside) {
                let start = hit.range.start.max(begin) - begin;
                text.push_str(word.get(done..start).unwrap_or_default());
                text.push_str(&hit.masked());
                done = hit.range.end.min(end) - begin;
            }
            text.push_str(word.get(done..).unwrap_or_default());
            masked.push(self.redact(&text).into_owned());
            begin = end + 1;
        }
        masked
    }

    /// The matches of the wanted rules, joined where they overlap and named by the first rule.
    fn find(&self, text: &str, wanted: impl Fn(&Rule) -> bool) -> Vec<Hit> {
        let mut matches: Vec<Match> = Vec::new();
        for index in self.candidates(text) {
            if let Some(rule) = self.rules.get(index).filter(|rule| wanted(rule)) {
                matches.extend(rule.find(text).into_iter().map(|range| (range, index)));
            }
        }
        matches.sort_by_key(|(range, index)| (range.start, *index));
        let mut joined: Vec<Match> = Vec::new();
        for (range, index) in matches {
            match joined.last_mut() {
                Some((last, first)) if range.start < last.end => {
                    last.end = last.end.max(range.end);
                    *first = index.min(*first);
                }
                Some(_) | None => joined.push((range, index)),
            }
        }
        let hit = |(range, index): Match| {
            let rule = self.rules.get(index)?.id.clone();
            Some(Hit { rule, range })
        };
        joined.into_iter().filter_map(hit).collect()
    }

    /// The rules one of whose keywords the text holds.
    fn candidates(&self, text: &str) -> Vec<usize> {
        let mut candidates = Vec::new();
        for found in self.keywords.find_overlapping_iter(text) {
            for owner in self
                .owners
                .get(found.pattern().as_usize())
                .into_iter()
                .flatten()
            {
                if !candidates.contains(owner) {
                    candidates.push(*owner);
                }
            }
        }
        candidates
    }
}

/// `[secret: github-token]`: what a reader sees in the place of a secret.
fn mask(rule: &str) -> String {
    format!("{MASK}{rule}]")
}

/// Whether a text holds a mask: something of it was never kept.
pub fn is_masked(text: &str) -> bool {
    text.contains(MASK)
}

#[cfg(test)]
mod tests;
