//! One rule of the table, and its expression, compiled when it is first needed.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::randomness::{is_example, is_random};
use super::{MASK, template};
use crate::policy::error::Error;
use crate::policy::paths::check;

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableText {
    pub(super) rule: Vec<RuleText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleText {
    id: String,
    why: String,
    keywords: Vec<String>,
    pattern: Option<String>,
    value: Option<String>,
    unless: Option<String>,
    entropy: Option<f64>,
    #[serde(default)]
    effect: Effect,
    must_match: Vec<String>,
    must_not_match: Vec<String>,
}

/// What a match means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::policy) enum Effect {
    /// The change is refused.
    #[default]
    Block,
    /// Output is masked; nothing is refused.
    Redact,
    /// A reviewer is told.
    Note,
}

/// How random a value has to be that only its name tells, in bits a character.
const NAMED_ENTROPY: f64 = 3.0;

/// One class of secrets.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) effect: Effect,
    text: RuleText,
    pattern: String,
    entropy: Option<f64>,
    /// `None` inside when the rule fails its own examples: then it matches whatever it is shown.
    compiled: OnceLock<Option<Compiled>>,
}

/// The expressions of a rule.
#[derive(Debug)]
pub(super) struct Compiled {
    pattern: Regex,
    /// A match that this matches too is none.
    unless: Option<Regex>,
}

impl Rule {
    /// Checks what is cheap to check; see the module above for the rest.
    pub(super) fn new(origin: &str, text: RuleText) -> Result<Self, Error> {
        let refuse = |why: &str| Err(Error::self_test(origin, &text.id, why.to_owned()));
        if text.keywords.is_empty() || text.must_match.is_empty() || text.why.is_empty() {
            return refuse("it lacks keywords, examples or a reason");
        }
        let usable =
            |keyword: &String| keyword.len() >= 2 && *keyword == keyword.to_ascii_lowercase();
        if !text.keywords.iter().all(usable) {
            return refuse("a keyword has to be lower case and of two characters or more");
        }
        let (pattern, entropy) = match (&text.pattern, &text.value) {
            (Some(pattern), None) => (pattern.clone(), text.entropy),
            (None, Some(value)) => {
                let pattern = named(&text.keywords, value);
                (pattern, Some(text.entropy.unwrap_or(NAMED_ENTROPY)))
            }
            (Some(_), Some(_)) | (None, None) => {
                return refuse("it needs either a pattern or a value");
            }
        };
        Ok(Self {
            id: text.id.clone(),
            effect: text.effect,
            // Only ASCII counts as a letter here, which is also what makes the expressions small.
            pattern: pattern.replace(r"\b", r"(?-u:\b)"),
            entropy,
            text,
            compiled: OnceLock::new(),
        })
    }

    pub(super) fn keywords(&self) -> &[String] {
        &self.text.keywords
    }

    /// The templates of what it has to find.
    #[cfg(test)]
    pub(super) fn examples(&self) -> &[String] {
        &self.text.must_match
    }

    /// Whether the rule goes by what stands around a value.
    pub(super) fn needs_context(&self) -> bool {
        self.entropy.is_some()
    }

    /// Where the rule matches; the group `secret` where it has one. Never inside a mask.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        match self.compiled.get_or_init(|| self.compile().ok()) {
            Some(pattern) => self.find_with(pattern, text),
            None => std::iter::once(0..text.len()).collect(),
        }
    }

    /// Compiles the expressions and runs the rule's own examples.
    pub(super) fn compile(&self) -> Result<Compiled, Error> {
        let failed = |why: String| Error::self_test("embedded", &self.id, why);
        let expression = |text: &str| {
            let built = RegexBuilder::new(text).multi_line(true).build();
            built.map_err(|error| failed(error.to_string()))
        };
        let compiled = Compiled {
            pattern: expression(&self.pattern)?,
            unless: self.text.unless.as_deref().map(expression).transpose()?,
        };
        let (hits, misses) = (&self.text.must_match, &self.text.must_not_match);
        check("embedded", &self.id, hits, misses, |example| {
            let line = template::fill(example);
            let lower = line.to_ascii_lowercase();
            let seen = self.text.keywords.iter().any(|word| lower.contains(word));
            seen && !self.find_with(&compiled, &line).is_empty()
        })?;
        Ok(compiled)
    }

    fn find_with(&self, compiled: &Compiled, text: &str) -> Vec<Range<usize>> {
        let excepted = |all: &str| {
            let unless = compiled.unless.as_ref();
            unless.is_some_and(|unless| unless.is_match(all))
        };
        compiled
            .pattern
            .captures_iter(text)
            .filter(|captures| !captures.get(0).is_some_and(|all| excepted(all.as_str())))
            .filter_map(|captures| captures.name("secret").or_else(|| captures.get(0)))
            .filter(|found| !found.as_str().starts_with(MASK.trim_end()) && !found.is_empty())
            .filter(|found| self.effect == Effect::Redact || !is_example(found.as_str()))
            .filter(|found| {
                self.entropy
                    .is_none_or(|least| is_random(found.as_str(), least))
            })
            .map(|found| found.range())
            .collect()
    }
}

/// The expression of a value that only the name in front of it tells: `NAME_api_key = "value"`.
fn named(names: &[String], value: &str) -> String {
    let names: Vec<String> = names.iter().map(|name| regex::escape(name)).collect();
    let names = names.join("|");
    format!(
        r#"(?i:(?:{names})[0-9a-z_.\-]{{0,30}})(?:["'`]\]?)?[ \t]*(?:=|:|:=|=>|,)[ \t]*[bru]{{0,2}}["'`]?(?P<secret>{value})(?:[^0-9A-Za-z_+/=\-]|$)"#
    )
}
