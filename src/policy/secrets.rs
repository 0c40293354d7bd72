//! Secrets: what looks like one, and how it is masked.
//!
//! An inline comment such as `gitleaks:allow` means nothing here: the proposal wrote it.

use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use crate::policy::error::Error;
use crate::policy::paths::check;
use crate::policy::source;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretsText {
    class: Vec<ClassText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassText {
    name: String,
    keywords: Vec<String>,
    pattern: Spanned<String>,
    entropy: Option<f64>,
    #[serde(default)]
    effect: Effect,
    must_match: Vec<String>,
    must_not_match: Vec<String>,
}

/// What a match means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Effect {
    /// The change is refused.
    #[default]
    Block,
    /// Output is masked; nothing is refused.
    Redact,
    /// A reviewer is told.
    Note,
}

/// One class of secrets.
#[derive(Clone, Debug)]
struct Class {
    name: String,
    keywords: Vec<String>,
    pattern: Regex,
    entropy: Option<f64>,
    effect: Effect,
}

/// Finds and masks secrets.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    classes: Vec<Class>,
}

/// A secret that was found; it never holds the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// The class.
    pub(super) class: String,
    /// The first four characters and `…`.
    pub(super) masked: String,
}

impl Scanner {
    /// Compiles the table and runs its tests.
    pub(super) fn compile(origin: &str, text: &str) -> Result<Self, Error> {
        let table: SecretsText = source::parse(origin, text)?;
        let mut classes = Vec::new();
        for class in table.class {
            let pattern = Regex::new(class.pattern.get_ref()).map_err(|error| {
                Error::at(origin, text, class.pattern.span().start, &error.to_string())
            })?;
            let compiled = Class {
                name: class.name,
                keywords: class.keywords,
                pattern,
                entropy: class.entropy,
                effect: class.effect,
            };
            check(
                origin,
                &compiled.name,
                &class.must_match,
                &class.must_not_match,
                |template| {
                    let line = fill(template);
                    !compiled.find(&line, &line.to_ascii_lowercase()).is_empty()
                },
            )?;
            classes.push(compiled);
        }
        Ok(Self { classes })
    }

    /// The names of the blocking classes.
    pub(super) fn names(&self) -> Vec<String> {
        let blocking = self.classes.iter().filter(|c| c.effect == Effect::Block);
        blocking.map(|c| c.name.clone()).collect()
    }

    /// Every secret of a text that has the given effect, masked.
    pub(super) fn scan(&self, text: &str, effect: Effect) -> Vec<Hit> {
        let lower = text.to_ascii_lowercase();
        let classes = self.classes.iter().filter(|class| class.effect == effect);
        classes
            .flat_map(|class| {
                class.find(text, &lower).into_iter().filter_map(|range| {
                    Some(Hit {
                        class: class.name.clone(),
                        masked: mask(text.get(range)?),
                    })
                })
            })
            .collect()
    }

    /// The text with every secret masked.
    pub(super) fn redact(&self, text: &str) -> String {
        let lower = text.to_ascii_lowercase();
        let mut ranges: Vec<_> = self
            .classes
            .iter()
            .filter(|class| class.effect != Effect::Note)
            .flat_map(|class| class.find(text, &lower))
            .collect();
        ranges.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut redacted = String::with_capacity(text.len());
        let mut done = 0;
        for range in ranges {
            if range.start >= done {
                redacted.push_str(text.get(done..range.start).unwrap_or_default());
                redacted.push_str(&mask(text.get(range.clone()).unwrap_or_default()));
            }
            done = done.max(range.end);
        }
        redacted.push_str(text.get(done..).unwrap_or_default());
        redacted
    }
}

impl Class {
    /// Where the class matches, the `secret` group when it has one.
    fn find(&self, text: &str, lower: &str) -> Vec<std::ops::Range<usize>> {
        if !self.keywords.iter().any(|keyword| lower.contains(keyword)) {
            return Vec::new();
        }
        self.pattern
            .captures_iter(text)
            .filter_map(|captures| captures.name("secret").or_else(|| captures.get(0)))
            .filter(|found| {
                self.entropy
                    .is_none_or(|least| is_random(found.as_str(), least))
            })
            .map(|found| found.range())
            .collect()
    }
}

/// The first four characters and `…`; nothing of a secret so short that four would tell it.
fn mask(secret: &str) -> String {
    let shown = if secret.chars().count() < 8 { 0 } else { 4 };
    let mut masked: String = secret.chars().take(shown).collect();
    masked.push('…');
    masked
}

/// Whether a value is random enough to be a secret, and not words, code or a placeholder.
fn is_random(value: &str, least: f64) -> bool {
    let placeholder = value.starts_with(['$', '{', '%'])
        || ["${", "{{", "<", ">", "://", "(", ")", "..."]
            .iter()
            .any(|part| value.contains(part));
    !placeholder && !is_words(value) && entropy(value) >= least
}

/// Whether a value is made of words and short numbers (`predictable-key-2024`, `_PrivateKey`).
fn is_words(value: &str) -> bool {
    value
        .split(|c: char| !c.is_ascii_alphanumeric())
        .all(is_word)
}

/// Lower case, upper case, or humps of at least three letters; at most four digits behind.
fn is_word(piece: &str) -> bool {
    let letters = piece.trim_end_matches(|c: char| c.is_ascii_digit());
    let short = letters.len() <= 40 && piece.len() - letters.len() <= 4;
    let upper = letters.chars().all(|c| c.is_ascii_uppercase());
    let mut hump = 3;
    let mut humps = true;
    for c in letters.chars() {
        humps &= c.is_ascii_lowercase() || (c.is_ascii_uppercase() && hump >= 3);
        hump = if c.is_ascii_uppercase() { 1 } else { hump + 1 };
    }
    short && (upper || humps)
}

/// The Shannon entropy in bits a character.
#[expect(
    clippy::cast_precision_loss,
    reason = "the counts are lengths of lines"
)]
fn entropy(value: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for c in value.chars() {
        *counts.entry(c).or_insert(0_usize) += 1;
    }
    let length = value.chars().count() as f64;
    counts
        .values()
        .map(|count| {
            let share = *count as f64 / length;
            -share * share.log2()
        })
        .sum()
}

/// Fills a template such as `ghp_{alnum:36}`; `{{` and `}}` are braces. The characters come from a
/// fixed sequence, so that a test always sees the same line.
pub(super) fn fill(template: &str) -> String {
    let mut filled = String::new();
    let mut state = 0x2545_f491_u32;
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        if let Some(tail) = rest.strip_prefix("{{") {
            filled.push('{');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix("}}") {
            filled.push('}');
            rest = tail;
        } else {
            let (slot, tail) = rest.split_once('}').unwrap_or((rest, ""));
            fill_slot(&mut filled, slot.trim_start_matches('{'), &mut state);
            rest = tail;
        }
    }
    filled.push_str(rest);
    filled
}

fn fill_slot(filled: &mut String, slot: &str, state: &mut u32) {
    let (kind, count) = slot.split_once(':').unwrap_or((slot, "0"));
    let alphabet = match kind {
        "alnum" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "base64" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "lower" => "abcdefghijklmnopqrstuvwxyz0123456789",
        "upper" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "hex" => "0123456789abcdef",
        "digit" => "0123456789",
        "dash" => "-",
        // Not a slot: the words stay as they are.
        literal => return filled.push_str(literal),
    };
    let letters: Vec<char> = alphabet.chars().collect();
    for _ in 0..count.parse().unwrap_or(0_usize) {
        // A plain linear congruential generator; its high bits are good enough to look random.
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let index = (*state >> 16) as usize % letters.len();
        filled.extend(letters.get(index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanner() -> Scanner {
        Scanner::compile("embedded", include_str!("../../assets/secrets.toml")).unwrap()
    }

    #[test]
    fn the_table_passes_its_own_tests_and_is_not_small() {
        assert!(scanner().classes.len() >= 40);
    }

    #[test]
    fn a_hit_never_holds_the_secret() {
        let token = fill("ghp_{alnum:36}");
        let hits = scanner().scan(&format!("x = \"{token}\" # gitleaks:allow"), Effect::Block);
        assert!(!hits.is_empty());
        for hit in hits {
            assert!(!hit.masked.contains(&token), "{hit:?}");
            assert_eq!(hit.masked, "ghp_…");
        }
    }

    #[test]
    fn redaction_masks_every_secret_and_keeps_the_rest() {
        let text = format!(
            "a {} b\n{} c\ncurl -H \"Authorization: Bearer TOKEN\"",
            fill("ghp_{alnum:36}"),
            fill("https://user:{alnum:16}@example.com/x")
        );
        let redacted = scanner().redact(&text);
        assert!(
            redacted.starts_with("a ghp_… b\nhttps://user:"),
            "{redacted}"
        );
        assert!(redacted.contains("…@example.com/x c"), "{redacted}");
        assert!(redacted.ends_with("Bearer …\""), "{redacted}");
    }

    #[test]
    fn a_whole_private_key_is_masked() {
        let text = fill(
            "x\n{dash:5}BEGIN RSA PRIVATE KEY{dash:5}\nMIIabc\n{dash:5}END RSA PRIVATE KEY{dash:5}\ny",
        );
        assert_eq!(scanner().redact(&text), "x\n----…\ny");
    }

    #[test]
    fn plain_words_are_no_secret() {
        for line in [
            "secret_key = \"predictable-key\"",
            "Signer(\"my-very-long-secret-key-for-tests\")",
            "SECRET_KEY = 'this-is-a-test-secret-key'",
            "password = \"correct-horse-battery-staple\"",
            "def token_from_header(self): pass",
        ] {
            assert_eq!(scanner().scan(line, Effect::Block), [], "{line}");
        }
    }
}
