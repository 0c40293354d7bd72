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
use crate::policy::test_changes;

/// The rule that names the files which steer the test run.
const HARNESS: &str = "harness_changed";

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
    steers: Vec<String>,
    steers_in_tests: Vec<String>,
    shadows: Vec<String>,
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
            steers: rules.steers,
            steers_in_tests: rules.steers_in_tests,
            shadows: rules.shadows,
            code: rules.code,
        })
    }

    pub(super) fn is_test(&self, path: &str) -> bool {
        self.patterns.matches(path)
    }

    fn is_code(&self, path: &str) -> bool {
        let extension = path.rsplit_once('.').map(|(_, extension)| extension);
        extension.is_some_and(|extension| self.code.iter().any(|known| known == extension))
    }

    /// The tests that a content defines, by name, with how often.
    pub(super) fn defined(&self, content: &str) -> BTreeMap<String, usize> {
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

    pub(super) fn assertions(&self, content: &str) -> usize {
        content
            .lines()
            .filter(|line| self.is_assertion(line.trim()))
            .count()
    }

    /// Whether a line, without its indentation, asserts something.
    pub(super) fn is_assertion(&self, line: &str) -> bool {
        let other = [
            "#",
            "//",
            "def ",
            "async def ",
            "import ",
            "from ",
            "class ",
        ];
        !other.iter().any(|word| line.starts_with(word))
            && self.assertions.iter().any(|mark| line.contains(mark))
    }

    /// Whether a path, once added, is imported instead of a module of the interpreter or the runner.
    fn shadows(&self, path: &str) -> bool {
        let path = path.strip_prefix("src/").unwrap_or(path);
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let module = if rest.is_empty() {
            first
                .split_once('.')
                .map_or("", |(name, ending)| match ending {
                    "py" | "pyc" | "so" | "pyx" => name,
                    _ => "",
                })
        } else {
            first
        };
        self.shadows.iter().any(|name| name == module)
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
        let shadow = file.before.is_none() && tests.shadows(&file.path);
        if shadow
            && !risks
                .iter()
                .any(|r| r.id == HARNESS && r.subject == file.path)
        {
            let detail = "a module of this name is found before the interpreter's or the test \
                          runner's own";
            risks.push(risk(HARNESS, &file.path, detail));
        }
        risks.extend(tests_skipped(file, tests));
        // What steers the test run speaks of the runner anyway, and is noted as such.
        let is_harness = risks
            .iter()
            .any(|r| r.id == HARNESS && r.subject == file.path);
        risks.extend(steered(
            file,
            tests,
            is_harness || tests.is_test(&file.path),
        ));
    }
    risks.extend(test_changes::note(changes, tests));
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

pub(super) fn text_of(state: Option<&crate::model::FileState>) -> String {
    let bytes = state.map_or(&[][..], |state| state.bytes());
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether a mark stands in a line and is not the end of a longer word: `exit(` is no `xit(`.
fn stands_in(mark: &str, line: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins_a_word = mark.starts_with(is_word);
    line.match_indices(mark).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !begins_a_word || !before.is_some_and(is_word)
    })
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
        if let Some(mark) = tests.skips.iter().find(|mark| stands_in(mark, &text)) {
            let subject = format!("{}:{}", file.path, line.number);
            risks.push(risk("tests_skipped", &subject, format!("adds `{mark}`")));
        }
    }
    risks
}

/// Added code that reaches for the test runner, or for the end of the process it runs in.
fn steered(file: &FileChange, tests: &TestRules, is_test: bool) -> Option<Risk> {
    let Some((_, "py" | "pyx")) = file.path.rsplit_once('.') else {
        return None;
    };
    let marks = if is_test {
        &tests.steers_in_tests
    } else {
        &tests.steers
    };
    let before = file.before.as_ref().map_or(&[][..], |state| state.bytes());
    let after = file.after.as_ref().map_or(&[][..], |state| state.bytes());
    lines::only_in(after, before).into_iter().find_map(|line| {
        let text = String::from_utf8_lossy(line.text);
        if text.trim_start().starts_with('#') {
            return None;
        }
        let mark = marks.iter().find(|mark| text.contains(*mark));
        // Leaving the process is a command's right, and not that of a module that is imported.
        let leaves = ["sys.exit", "raise SystemExit", "exit(", "quit("]
            .iter()
            .find(|word| !is_test && text.starts_with(**word));
        let mark = mark.map(String::as_str).or(leaves.copied())?;
        let subject = format!("{}:{}", file.path, line.number);
        let detail = format!("adds `{mark}`, by which code can change what a test run says");
        Some(risk("runner_reached", &subject, detail))
    })
}

/// Of the changed paths, with whether the base has each, those that steer a test run whose command
/// has these words.
pub(super) fn harness(
    rules: &[RiskRule],
    tests: &TestRules,
    changed: &[(&str, bool)],
    words: &[String],
) -> Vec<String> {
    let rule = rules.iter().find(|rule| rule.id == HARNESS);
    let steers = |path: &str, on_base: bool| {
        rule.is_some_and(|rule| rule.patterns.matches(path))
            || (!on_base && tests.shadows(path))
            || words
                .iter()
                .any(|word| word.strip_prefix("./").unwrap_or(word) == path)
    };
    changed
        .iter()
        .filter(|(path, on_base)| steers(path, *on_base))
        .map(|(path, _)| (*path).to_owned())
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FileMode, FileState, LineStat};
    use crate::policy::floor::Floor;

    fn file(path: &str, before: Option<&str>, after: &str) -> FileChange {
        let state = |text: &str| FileState::proposed(FileMode::Regular, text.as_bytes().to_vec());
        FileChange {
            path: path.to_owned(),
            before: before.map(state),
            after: Some(state(after)),
            renamed_from: None,
            lines: LineStat::default(),
        }
    }

    #[test]
    fn code_that_reaches_for_the_runner_is_named() {
        let floor = Floor::embedded().unwrap();
        let reached = |path: &str, line: &str| {
            let before = Some("import os\nimport pytest\n");
            let after = format!("import os\nimport pytest\n{line}\n");
            {
                let is_test = floor.tests.is_test(path);
                steered(&file(path, before, &after), &floor.tests, is_test).is_some()
            }
        };
        for line in [
            "import _pytest.runner",
            "pytest = __import__('pytest')",
            "os._exit(0)",
            "import atexit",
            "sys.settrace(f)",
            "sys.modules['pytest'] = x",
            "os.environ['MILTON_JUNIT_XML']",
            "open('junit.xml')",
            "sys.exit(0)",
            "raise SystemExit",
        ] {
            assert!(reached("src/calc.py", line), "{line}");
        }
        for line in [
            "    sys.exit(main())",
            "def exit_code(): pass",
            "# pytest finds this",
            "import os",
            "modules = sys.modules",
        ] {
            assert!(!reached("src/calc.py", line), "{line}");
        }
        // Tests use pytest; they have no use for its inner parts.
        assert!(!reached("tests/test_a.py", "from pytest import raises"));
        assert!(!reached("tests/test_a.py", "sys.exit(1)"));
        assert!(reached("tests/test_a.py", "from _pytest import runner"));
        assert!(reached("tests/test_a.py", "os._exit(0)"));
        // Only what is added counts.
        assert!(!reached("src/calc.py", ""));
    }

    #[test]
    fn one_list_says_what_steers_the_test_run() {
        let floor = Floor::embedded().unwrap();
        let words = ["sh", "./check.sh"].map(str::to_owned);
        let harness = |path: &str, on_base: bool| {
            !harness(&floor.risks, &floor.tests, &[(path, on_base)], &words).is_empty()
        };
        for path in [
            "conftest.py",
            "a/b/conftest.py",
            "pytest.ini",
            "pyproject.toml",
            "tox.ini",
            "setup.cfg",
            "sitecustomize.py",
            "usercustomize.py",
            "x.pth",
            "noxfile.py",
            ".coveragerc",
            "package.json",
            "jest.config.js",
            "vitest.config.ts",
            "tsconfig.json",
            "Makefile",
            "pytest.py",
            "check.sh",
        ] {
            assert!(harness(path, true), "{path}");
        }
        for path in [
            "json.py",
            "pluggy/__init__.py",
            "src/unittest/__init__.py",
            "iniconfig.py",
        ] {
            assert!(harness(path, false), "{path} is new");
        }
        // A project's own module of such a name is what it is about.
        assert!(!harness("src/packaging/version.py", true));
        for path in [
            "calc.py",
            "tests/test_a.py",
            "src/app/json.py",
            "other.sh",
            "docs/json.md",
        ] {
            assert!(!harness(path, false), "{path}");
        }
    }
}
