//! Risk notes: facts of the change that a reviewer should weigh. They block nothing.

use std::collections::BTreeMap;

use regex::Regex;

use crate::model::{ChangeSet, FileChange, Risk};
use crate::policy::error::Error;
use crate::policy::finding::risk;
use crate::policy::limits::changed_lines;
use crate::policy::lines;
use crate::policy::paths::{Patterns, check};
use crate::policy::source::{RiskText, TestsText};

/// A kind of file that is a risk to change.
#[derive(Clone, Debug)]
pub(super) struct RiskRule {
    pub(super) id: String,
    pub(super) detail: String,
    pub(super) why: String,
    pub(super) patterns: Patterns,
}

impl RiskRule {
    pub(super) fn compile(origin: &str, text: &str, rule: RiskText) -> Result<Self, Error> {
        let patterns = Patterns::compile(origin, text, &rule.patterns)?;
        check(
            origin,
            &rule.id,
            &rule.must_match,
            &rule.must_not_match,
            |path| patterns.matches(path),
        )?;
        Ok(Self {
            id: rule.id,
            detail: rule.detail,
            why: rule.why,
            patterns,
        })
    }
}

/// What is known about tests.
#[derive(Clone, Debug)]
pub(super) struct TestRules {
    patterns: Patterns,
    definitions: Vec<Regex>,
    assertions: Vec<String>,
    skips: Vec<String>,
    code: Vec<String>,
}

impl TestRules {
    pub(super) fn compile(origin: &str, text: &str, rules: TestsText) -> Result<Self, Error> {
        let patterns = Patterns::compile(origin, text, &rules.patterns)?;
        check(
            origin,
            &format!("{} (test files: {})", rules.id, rules.why),
            &rules.must_match,
            &rules.must_not_match,
            |path| patterns.matches(path),
        )?;
        let definitions = rules.definitions.iter().map(|definition| {
            Regex::new(definition.get_ref()).map_err(|error| {
                Error::at(origin, text, definition.span().start, &error.to_string())
            })
        });
        Ok(Self {
            patterns,
            definitions: definitions.collect::<Result<_, _>>()?,
            assertions: rules.assertions,
            skips: rules.skips,
            code: rules.code,
        })
    }

    fn is_test(&self, path: &str) -> bool {
        self.patterns.matches(path)
    }

    fn is_code(&self, path: &str) -> bool {
        let extension = path.rsplit_once('.').map(|(_, extension)| extension);
        extension.is_some_and(|extension| self.code.iter().any(|known| known == extension))
    }

    /// The tests that a content defines, by name, with how often.
    fn defined(&self, content: &str) -> BTreeMap<String, usize> {
        let mut names = BTreeMap::new();
        for definition in &self.definitions {
            for captures in definition.captures_iter(content) {
                if let Some(name) = captures.get(1) {
                    *names.entry(name.as_str().to_owned()).or_default() += 1;
                }
            }
        }
        names
    }

    fn assertions(&self, content: &str) -> usize {
        let asserts = |line: &&str| self.assertions.iter().any(|mark| line.contains(mark));
        content.lines().filter(asserts).count()
    }
}

/// All notes that follow from names, sizes and tests.
pub(super) fn note(
    changes: &ChangeSet,
    rules: &[RiskRule],
    tests: &TestRules,
    (max_files, max_lines): (u64, u64),
) -> Vec<Risk> {
    let mut risks = Vec::new();
    for file in &changes.files {
        for rule in rules
            .iter()
            .filter(|rule| rule.patterns.matches(&file.path))
        {
            risks.push(risk(&rule.id, &file.path, rule.detail.as_str()));
        }
        if tests.is_test(&file.path) {
            risks.extend(tests_removed(file, changes, tests));
        }
        risks.extend(tests_skipped(file, tests));
    }
    risks.extend(large_change(changes, max_files, max_lines));
    let code = changes
        .files
        .iter()
        .find(|f| tests.is_code(&f.path) && !tests.is_test(&f.path));
    let touches_tests = changes.files.iter().any(|file| tests.is_test(&file.path));
    if let (Some(code), false) = (code, touches_tests) {
        let detail = "code changes and no test does";
        risks.push(risk("no_tests_touched", &code.path, detail));
    }
    risks
}

fn text_of(state: Option<&crate::model::FileState>) -> String {
    let bytes = state.map_or(&[][..], |state| state.bytes());
    String::from_utf8_lossy(bytes).into_owned()
}

fn tests_removed(file: &FileChange, changes: &ChangeSet, tests: &TestRules) -> Vec<Risk> {
    let Some(before) = &file.before else {
        return Vec::new();
    };
    let moved = changes.files.iter().find(|other| {
        other.renamed_from.as_deref() == Some(&file.path) && tests.is_test(&other.path)
    });
    let successor = match (&file.after, moved) {
        (Some(after), _) => Some(after),
        (None, Some(moved)) => moved.after.as_ref(),
        (None, None) => None,
    };
    if successor.is_none() {
        return vec![risk(
            "tests_removed",
            &file.path,
            "the test file is deleted",
        )];
    }
    let (old, new) = (text_of(Some(before)), text_of(successor));
    let mut risks = Vec::new();
    let remaining = tests.defined(&new);
    let gone: Vec<String> = tests
        .defined(&old)
        .into_iter()
        .filter(|(name, count)| remaining.get(name).is_none_or(|left| left < count))
        .map(|(name, _)| name)
        .collect();
    if !gone.is_empty() {
        let detail = format!("tests are gone: {}", gone.join(", "));
        risks.push(risk("tests_removed", &file.path, detail));
    }
    let (had, has) = (tests.assertions(&old), tests.assertions(&new));
    if has < had {
        let detail = format!("{has} assertions, {had} before");
        risks.push(risk("tests_removed", &file.path, detail));
    }
    risks
}

fn tests_skipped(file: &FileChange, tests: &TestRules) -> Vec<Risk> {
    let bytes = |state: Option<&crate::model::FileState>| text_of(state).into_bytes();
    let (before, after) = (bytes(file.before.as_ref()), bytes(file.after.as_ref()));
    let mut risks = Vec::new();
    if !tests.is_test(&file.path) && !tests.is_code(&file.path) {
        return risks;
    }
    for line in lines::only_in(&after, &before) {
        let text = String::from_utf8_lossy(line.text);
        if let Some(mark) = tests.skips.iter().find(|mark| text.contains(*mark)) {
            let subject = format!("{}:{}", file.path, line.number);
            risks.push(risk("tests_skipped", &subject, format!("adds `{mark}`")));
        }
    }
    risks
}

/// More than half of what is allowed is already a long review.
fn large_change(changes: &ChangeSet, max_files: u64, max_lines: u64) -> Option<Risk> {
    let files = changes.files.len() as u64;
    let lines = changes
        .files
        .iter()
        .map(changed_lines)
        .fold(0, u64::saturating_add);
    let large = files > max_files / 2 || lines > max_lines / 2;
    let detail = format!("{files} files and {lines} lines, of at most {max_files} and {max_lines}");
    large.then(|| risk("large_change", "change", detail))
}
