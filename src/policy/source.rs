//! The texts a policy comes from: the embedded floor, the repository's file, the user's file.
//!
//! The repository's schema has no way to write a loosening: its numbers are taken as a minimum, its
//! lists are added to the floor's, and an unknown key is an error. That is a property of the types
//! in here, not of a check somewhere else.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::policy::error::Error;
use crate::policy::hygiene::CharacterClass;

/// The repository's `.milton/policy.toml`, as the base commit has it.
#[derive(Clone, Debug)]
pub struct RepositoryPolicy<'a> {
    /// Where it was read (`.milton/policy.toml at 1a2b3c4`).
    pub origin: String,
    /// Its bytes.
    pub text: &'a [u8],
}

/// The policy file of the human who started milton.
#[derive(Clone, Debug)]
pub struct UserPolicy<'a> {
    /// Its path, for messages.
    pub path: String,
    /// Its text.
    pub text: &'a str,
}

/// `assets/policy.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FloorText {
    pub(super) version: String,
    pub(super) updated: String,
    pub(super) next_review: String,
    pub(super) limit: Vec<LimitText>,
    pub(super) path: Vec<PathText>,
    pub(super) branches: FloorBranches,
    pub(super) command: Vec<CommandText>,
    pub(super) never: NeverText,
    pub(super) risk: Vec<RiskText>,
    pub(super) compose: ComposeText,
    pub(super) tests: TestsText,
}

/// Which number a limit sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LimitName {
    MaxFiles,
    MaxLines,
    TimeoutSeconds,
    MaxLineLength,
    MaxFileBytes,
    MaxTotalBytes,
    MaxDepth,
}

/// One number of the floor; its examples are numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitText {
    pub(super) id: String,
    pub(super) name: LimitName,
    pub(super) what: String,
    pub(super) value: u64,
    pub(super) why: String,
    pub(super) must_match: Vec<u64>,
    pub(super) must_not_match: Vec<u64>,
}

/// Who may lift a path rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Exception {
    /// Nobody.
    Never,
    /// The user's own file, for one exact path.
    ExactPath,
    /// `MILTON_SELF_UPGRADE_ALLOW_POLICY_EDITS=1`.
    PolicyEdits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PathText {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) why: String,
    #[serde(default)]
    pub(super) patterns: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) characters: Vec<CharacterClass>,
    #[serde(default)]
    pub(super) words: Vec<String>,
    /// Whether what the rule matches may hold secrets, so that no command may name it.
    #[serde(default)]
    pub(super) holds_secrets: bool,
    pub(super) exception: Exception,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FloorBranches {
    pub(super) id: String,
    pub(super) why: String,
    pub(super) protect: Vec<String>,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
}

/// What the value of an option may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ValueKind {
    /// A plain decimal number.
    Number,
    /// Letters, digits, `_`, `,`, `.` and `-`.
    Word,
    /// Anything.
    Text,
}

/// What the arguments that are not options may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ArgumentKind {
    /// There are none.
    #[default]
    None,
    /// Anything that is not an option.
    Text,
    /// Paths inside the repository.
    Paths,
    /// Paths that the policy lets a proposal change.
    Files,
    /// Paths with pytest's `::` selectors.
    Tests,
    /// Revisions, ranges and, behind `--`, paths.
    Revisions,
    /// A text to search for, then paths inside the repository.
    Search,
    /// One `self-upgrade/<topic>`.
    WorkBranch,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandText {
    pub(super) id: String,
    pub(super) argv: Vec<String>,
    pub(super) like: Option<String>,
    pub(super) why: String,
    #[serde(default)]
    pub(super) options: Vec<String>,
    #[serde(default)]
    pub(super) values: BTreeMap<String, ValueKind>,
    #[serde(default)]
    pub(super) required_values: Vec<String>,
    #[serde(default)]
    pub(super) arguments: ArgumentKind,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) verifies: bool,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NeverText {
    pub(super) id: String,
    pub(super) why: String,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
    pub(super) programs: Vec<String>,
    pub(super) wrappers: Vec<String>,
    pub(super) runners: Vec<String>,
    pub(super) shells: Vec<String>,
    pub(super) git_reads: Vec<String>,
    pub(super) verbs: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RiskText {
    pub(super) id: String,
    pub(super) why: String,
    pub(super) detail: String,
    pub(super) patterns: Vec<Spanned<String>>,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComposeText {
    pub(super) id: String,
    pub(super) why: String,
    pub(super) patterns: Vec<Spanned<String>>,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestsText {
    pub(super) id: String,
    pub(super) why: String,
    pub(super) patterns: Vec<Spanned<String>>,
    pub(super) definitions: Vec<Spanned<String>>,
    pub(super) assertions: Vec<String>,
    pub(super) skips: Vec<String>,
    pub(super) steers: Vec<String>,
    pub(super) steers_in_tests: Vec<String>,
    pub(super) shadows: Vec<String>,
    pub(super) code: Vec<String>,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
}

/// What one source adds to the floor, and all that `.milton/policy.toml` can say: tightenings only.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tightening {
    pub(super) paths: PathsText,
    pub(super) limits: LimitsText,
    pub(super) branches: BranchesText,
    pub(super) commands: CommandsText,
    pub(super) path: Vec<AddedRule>,
    pub(super) branch: Vec<AddedRule>,
    pub(super) command: Vec<AddedRule>,
}

/// The user's own file: the same tightenings, and exceptions for false positives of name rules.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UserText {
    paths: PathsText,
    limits: LimitsText,
    branches: BranchesText,
    commands: CommandsText,
    path: Vec<AddedRule>,
    branch: Vec<AddedRule>,
    command: Vec<AddedRule>,
    exception: Vec<ExceptionText>,
}

/// A rule of a repository or a user, with all that a rule of the floor carries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddedRule {
    pub(super) id: Spanned<String>,
    pub(super) why: Spanned<String>,
    /// Globs of paths, names of branches, or beginnings of commands.
    pub(super) forbid: Vec<Spanned<String>>,
    pub(super) must_match: Spanned<Vec<String>>,
    pub(super) must_not_match: Spanned<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PathsText {
    pub(super) forbid: Vec<Spanned<String>>,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsText {
    pub(super) max_files: Option<NonZeroU64>,
    pub(super) max_lines: Option<NonZeroU64>,
    pub(super) timeout_seconds: Option<NonZeroU64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BranchesText {
    pub(super) protect: Vec<Spanned<String>>,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CommandsText {
    pub(super) forbid: Vec<Spanned<String>>,
    pub(super) must_match: Vec<String>,
    pub(super) must_not_match: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionText {
    pub(super) path: Spanned<String>,
    pub(super) reason: Spanned<String>,
}

/// Parses the repository's text; not UTF-8 is an error with a position too.
pub(super) fn parse_repository(origin: &str, bytes: &[u8]) -> Result<Tightening, Error> {
    parse(origin, utf8(origin, bytes)?)
}

/// Parses the user's text.
pub(super) fn parse_user(
    origin: &str,
    text: &str,
) -> Result<(Tightening, Vec<ExceptionText>), Error> {
    let parsed: UserText = parse(origin, text)?;
    let tightening = Tightening {
        paths: parsed.paths,
        limits: parsed.limits,
        branches: parsed.branches,
        commands: parsed.commands,
        path: parsed.path,
        branch: parsed.branch,
        command: parsed.command,
    };
    Ok((tightening, parsed.exception))
}

/// The text of some bytes, or an error that names where they stop being UTF-8.
pub(super) fn utf8<'a>(origin: &str, bytes: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let text = String::from_utf8_lossy(good);
        Error::at(origin, &text, text.len(), "not UTF-8")
    })
}

/// Parses TOML; every error names source, line and column.
pub(super) fn parse<T: DeserializeOwned>(origin: &str, text: &str) -> Result<T, Error> {
    toml::from_str(text).map_err(|error| Error::of_toml(origin, text, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_has_no_words_for_a_loosening() {
        for text in [
            "[paths]\nallow = [\".git/**\"]",
            "[paths]\nforbiden = [\"x\"]",
            "[[exception]]\npath = \"a\"\nreason = \"b\"",
            "[overrides]\nskip_tests = true",
            "[limits]\nmax_files = 0",
            "[limits]\nmax_files = -1",
            "[branches]\nunprotect = [\"main\"]",
            "[commands]\nallow = [\"git push\"]",
        ] {
            assert!(parse_repository("r", text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_names_line_and_column() {
        let error = parse_repository("r", b"[paths]\nforbid = []\nforbiden = []\n").unwrap_err();
        let Error::Invalid {
            line,
            column,
            message,
            ..
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!((line, column), (3, 1), "{message}");
        assert!(message.contains("forbiden"), "{message}");
    }

    #[test]
    fn bytes_that_are_not_text_are_an_error_with_a_position() {
        let error = parse_repository("r", b"[paths]\n\xff").unwrap_err();
        assert!(error.to_string().contains("line 2, column 1"), "{error}");
    }
}
