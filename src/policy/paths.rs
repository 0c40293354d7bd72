//! Name rules: which paths a change may not touch, whatever it does to them.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use toml::Spanned;

use crate::model::Violation;
use crate::policy::error::Error;
use crate::policy::finding::{BY_HAND, broken};
use crate::policy::fold;
use crate::policy::hygiene::CharacterClass;
use crate::policy::source::{Exception, PathText};

/// Glob patterns under the policy's reading: any case, `*` crosses `/`.
#[derive(Clone)]
pub(super) struct Patterns {
    texts: Vec<String>,
    set: GlobSet,
}

impl std::fmt::Debug for Patterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.texts.fmt(f)
    }
}

impl Patterns {
    /// Compiles patterns; `text` is the whole source, for the position of an error.
    pub(super) fn compile(
        origin: &str,
        text: &str,
        patterns: &[Spanned<String>],
    ) -> Result<Self, Error> {
        let mut set = GlobSetBuilder::new();
        let mut texts = Vec::new();
        for pattern in patterns {
            let at = |message: &str| Error::at(origin, text, pattern.span().start, message);
            let written = pattern.get_ref();
            if written.trim().is_empty() {
                return Err(at("a pattern is empty"));
            }
            // The spellings are lower-cased, so the pattern is: plain literals stay plain for
            // globset, which a case-insensitive glob would turn into a regular expression.
            let glob = GlobBuilder::new(&written.to_lowercase())
                .literal_separator(false)
                .backslash_escape(false)
                .build()
                .map_err(|error| at(&error.to_string()))?;
            set.add(glob);
            texts.push(written.clone());
        }
        let set = set
            .build()
            .map_err(|error| Error::at(origin, text, 0, &error.to_string()))?;
        Ok(Self { texts, set })
    }

    /// The first pattern that matches one of the spellings, and that spelling.
    pub(super) fn hit<'a>(&'a self, spellings: &'a [String]) -> Option<(&'a str, &'a str)> {
        spellings.iter().find_map(|spelling| {
            let index = self.set.matches(spelling).into_iter().min()?;
            Some((self.texts.get(index)?.as_str(), spelling.as_str()))
        })
    }

    /// Whether any pattern matches the path.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.hit(&fold::spellings(path)).is_some()
    }

    /// The first pattern whose plain part stands in the path and that does not match it, and why.
    pub(super) fn near(&self, path: &str) -> Option<(&str, String)> {
        self.texts.iter().find_map(|pattern| {
            let lower = pattern.to_lowercase();
            let plain = lower.trim_start_matches("**/").trim_end_matches("/*");
            let letters = plain.trim_matches(|c: char| !c.is_alphanumeric());
            let usable = letters.chars().count() >= 3 && !letters.contains(['*', '?', '[']);
            if !usable || !path.contains(letters) {
                return None;
            }
            let anchored = !lower.starts_with('*') && path.contains(&format!("/{plain}"));
            let why = if anchored {
                format!("it is anchored at the root, and there is no {plain} there")
            } else if lower.ends_with("/*") {
                format!("it is about what is in a folder {plain}/")
            } else {
                format!("{letters:?} is only a part of a name here")
            };
            Some((pattern.as_str(), why))
        })
    }

    /// The patterns as written.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }
}

/// One rule about names.
#[derive(Clone, Debug)]
pub(super) struct PathRule {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) why: String,
    pub(super) patterns: Patterns,
    pub(super) characters: Vec<CharacterClass>,
    pub(super) words: Vec<String>,
    pub(super) exception: Exception,
    /// Whether what it matches may hold secrets.
    pub(super) holds_secrets: bool,
    pub(super) source: String,
}

/// That a rule holds for a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    /// Why, in words that name the pattern.
    pub(super) detail: String,
    /// Whether only a folded spelling of the path is what the rule means.
    pub(super) disguised: bool,
}

/// A path with everything the rules compare it by, computed once.
pub(super) struct Subject<'a> {
    path: &'a str,
    spellings: Vec<String>,
    words: Vec<String>,
}

impl<'a> Subject<'a> {
    pub(super) fn new(path: &'a str) -> Self {
        let spellings = fold::spellings(path);
        let mut words = words_of(path);
        words.extend(spellings.iter().flat_map(|spelling| words_of(spelling)));
        Self {
            path,
            spellings,
            words,
        }
    }
}

impl PathRule {
    /// Compiles a rule of the floor and runs its own tests.
    pub(super) fn compile(origin: &str, text: &str, rule: PathText) -> Result<Self, Error> {
        let compiled = Self {
            patterns: Patterns::compile(origin, text, &rule.patterns)?,
            id: rule.id,
            name: rule.name,
            why: rule.why,
            characters: rule.characters,
            words: rule.words,
            exception: rule.exception,
            holds_secrets: rule.holds_secrets,
            source: origin.to_owned(),
        };
        check(
            origin,
            &compiled.name,
            &rule.must_match,
            &rule.must_not_match,
            |path| compiled.hit(&Subject::new(path)).is_some(),
        )?;
        Ok(compiled)
    }

    /// Why the rule holds for the path; `None` when it does not.
    pub(super) fn hit(&self, subject: &Subject<'_>) -> Option<Hit> {
        if let Some((pattern, spelling)) = self.patterns.hit(&subject.spellings) {
            let disguised = spelling != subject.path.to_lowercase();
            let read_as = if disguised {
                format!(" when read as {spelling:?}")
            } else {
                String::new()
            };
            return Some(Hit {
                detail: format!("matches {pattern}{read_as} ({})", self.why),
                disguised,
            });
        }
        let word = self.words.iter().find(|word| subject.words.contains(word));
        if let Some(word) = word {
            return Some(Hit {
                detail: format!("holds the word {word:?} ({})", self.why),
                disguised: !words_of(subject.path).contains(word),
            });
        }
        let hostile = |c: char| CharacterClass::of(c).is_some_and(|k| self.characters.contains(&k));
        let c = subject.path.chars().find(|c| hostile(*c))?;
        Some(Hit {
            detail: format!("holds U+{:04X} ({})", u32::from(c), self.why),
            disguised: false,
        })
    }

    /// The violations of this rule by one path.
    pub(super) fn judge(&self, subject: &Subject<'_>, lifted: Lifted<'_>) -> Vec<Violation> {
        let Some(hit) = self.hit(subject) else {
            return Vec::new();
        };
        let path = subject.path;
        let disguised = !self.is_spelled_canonically(path);
        let mut violations = Vec::new();
        let excused = match self.exception {
            Exception::Never => false,
            Exception::ExactPath => lifted.exceptions.iter().any(|(e, _)| e == path),
            Exception::PolicyEdits => lifted.policy_edits && !disguised,
        };
        if !excused {
            violations.push(Violation {
                source: self.source.clone(),
                ..broken(&self.id, path, &hit.detail, self.remedy(path, &hit, lifted))
            });
        }
        if self.exception == Exception::PolicyEdits && disguised {
            violations.push(broken(
                "path.forbidden",
                path,
                "a disguised spelling of a file of the policy, which no override lifts",
                "write the path exactly as the file is called",
            ));
        }
        violations
    }

    /// Whether the path is the canonical spelling of what a pattern means: nothing folded away, and
    /// the literal parts of the pattern in the pattern's own case.
    fn is_spelled_canonically(&self, path: &str) -> bool {
        fold::is_canonical(path)
            && self.patterns.texts().iter().any(|pattern| {
                let literal = pattern.trim_start_matches("**/").trim_end_matches("/*");
                path == literal
                    || path.starts_with(&format!("{literal}/"))
                    || path.contains(&format!("/{literal}/"))
                    || path.ends_with(&format!("/{literal}"))
            })
    }

    /// What the human can do about the rule and a path.
    fn remedy(&self, path: &str, hit: &Hit, lifted: Lifted<'_>) -> String {
        match self.exception {
            Exception::Never => BY_HAND.to_owned(),
            Exception::ExactPath if hit.disguised || !fold::is_canonical(path) => {
                "write the name in plain letters".to_owned()
            }
            Exception::ExactPath => format!(
                "if it holds no secret, write three lines at the end of {}: [[exception]] / path = {path:?} / reason = \"why\"",
                if lifted.user_file.is_empty() {
                    "your own policy.toml"
                } else {
                    lifted.user_file
                }
            ),
            Exception::PolicyEdits => {
                "start milton with MILTON_SELF_UPGRADE_ALLOW_POLICY_EDITS=1 if you mean it"
                    .to_owned()
            }
        }
    }
}

/// What the human lifted.
#[derive(Clone, Copy)]
pub(super) struct Lifted<'a> {
    /// Exact paths for which name rules are lifted, and why.
    pub(super) exceptions: &'a [(String, String)],
    /// Where the user's own policy is, or would be.
    pub(super) user_file: &'a str,
    /// Whether files of the policy may be changed.
    pub(super) policy_edits: bool,
}

impl Lifted<'_> {
    /// Nothing is lifted.
    pub(super) fn nothing() -> Self {
        Self {
            exceptions: &[],
            user_file: "",
            policy_edits: false,
        }
    }
}

/// Runs the tests that a rule carries.
pub(super) fn check(
    origin: &str,
    name: &str,
    must_match: &[String],
    must_not_match: &[String],
    matches: impl Fn(&str) -> bool,
) -> Result<(), Error> {
    if let Some(missed) = must_match.iter().find(|text| !matches(text)) {
        return Err(Error::self_test(
            origin,
            name,
            format!("it does not match {missed:?} of its must_match"),
        ));
    }
    if let Some(extra) = must_not_match.iter().find(|text| matches(text)) {
        let message = format!("it matches {extra:?} of its must_not_match");
        return Err(Error::self_test(origin, name, message));
    }
    Ok(())
}

/// The words of a name, lower-cased: `API_KEY.txt` is `api`, `key`, `txt`; `apiKey` is `api`, `key`.
fn words_of(path: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut previous = ' ';
    for c in path.chars() {
        let hump = c.is_uppercase() && previous.is_lowercase();
        if (!c.is_alphabetic() || hump) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
        previous = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_at_marks_and_humps() {
        assert_eq!(words_of("src/API_KEY.txt"), ["src", "api", "key", "txt"]);
        assert_eq!(words_of("apiKey2.ts"), ["api", "key", "ts"]);
        assert_eq!(words_of("monkey.py"), ["monkey", "py"]);
    }

    #[test]
    fn a_pattern_that_is_no_glob_is_an_error_with_its_position() {
        let text = "x = [\"ok\",\n  \"[a\"]";
        let patterns: std::collections::BTreeMap<String, Vec<Spanned<String>>> =
            toml::from_str(text).unwrap();
        let error = Patterns::compile("here", text, &patterns["x"]).unwrap_err();
        assert!(
            error.to_string().starts_with("here, line 2, column 3"),
            "{error}"
        );
    }
}
