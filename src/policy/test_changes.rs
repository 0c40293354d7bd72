//! What a change does to the tests that were there: removed, moved, emptied, made not to count.
//!
//! Read from the text, so it knows forms and not meanings: every finding is a fact to look at. A test
//! or an assertion that only moved, to another file or under another name, is not a finding: all
//! changed test files are looked at together.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use regex::Regex;

use crate::model::{ChangeSet, FileChange, Risk};
use crate::policy::finding::{bounded, risk};
use crate::policy::risks::{TestRules, text_of};

/// Lines of a statement that are joined: longer ones are compared by their beginning.
const LONGEST_STATEMENT: usize = 30;

/// Findings of one kind that a file's note quotes.
const QUOTED: usize = 3;

/// Decorators that do not change whether a test's body runs.
const HARMLESS: [&str; 8] = [
    "@pytest.mark.parametrize",
    "@pytest.mark.usefixtures",
    "@pytest.mark.asyncio",
    "@pytest.fixture",
    "@parameterized",
    "@given",
    "@settings",
    "@example",
];

/// An assertion, and under which conditions it is reached.
struct Assertion {
    line: usize,
    text: String,
    /// The text with the blocks around it, up to the function.
    whole: String,
}

/// A test function of a Python file.
struct Function {
    name: String,
    first: usize,
    last: usize,
    is_trivial: bool,
    indent: usize,
}

/// Everything about tests that are gone or say less.
pub(super) fn note(changes: &ChangeSet, rules: &TestRules) -> Vec<Risk> {
    let files: Vec<&FileChange> = changes
        .files
        .iter()
        .filter(|file| rules.is_test(&file.path))
        .collect();
    let removed = removed_assertions(&files, rules);
    let mut risks = Vec::new();
    for file in &files {
        let own = removed
            .get(file.path.as_str())
            .map_or(&[][..], Vec::as_slice);
        risks.extend(tests_removed(file, &files, rules, own));
        if let Some(first) = own.first() {
            let quoted: Vec<&str> = own
                .iter()
                .take(QUOTED)
                .map(|assertion| assertion.text.as_str())
                .collect();
            let detail = format!(
                "{} gone, changed or reached otherwise: {}",
                match own.len() {
                    1 => "1 assertion is".to_owned(),
                    n => format!("{n} assertions are"),
                },
                quoted.join("; ")
            );
            let subject = format!("{}:{}", file.path, first.line);
            risks.push(risk("assertions_removed", &subject, bounded(&detail)));
        }
        risks.extend(emptied(file));
    }
    risks
}

/// The assertions of each file's old content that no changed test file has any more.
fn removed_assertions<'a>(
    files: &[&'a FileChange],
    rules: &TestRules,
) -> BTreeMap<&'a str, Vec<Assertion>> {
    let mut left: HashMap<String, usize> = HashMap::new();
    for file in files {
        for assertion in assertions(&file.path, &text_of(file.after.as_ref()), rules) {
            *left.entry(assertion.whole).or_default() += 1;
        }
    }
    let mut removed = BTreeMap::new();
    for file in files {
        let before = assertions(&file.path, &text_of(file.before.as_ref()), rules);
        let gone: Vec<Assertion> = before
            .into_iter()
            .filter(|assertion| match left.get_mut(&assertion.whole) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                Some(_) | None => true,
            })
            .collect();
        if !gone.is_empty() {
            removed.insert(file.path.as_str(), gone);
        }
    }
    removed
}

fn tests_removed(
    file: &FileChange,
    files: &[&FileChange],
    rules: &TestRules,
    removed: &[Assertion],
) -> Vec<Risk> {
    let Some(before) = &file.before else {
        return Vec::new();
    };
    let old = text_of(Some(before));
    let had = rules.defined(&old);
    let all = |side: fn(&FileChange) -> Option<&crate::model::FileState>| {
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for file in files {
            for (name, count) in rules.defined(&text_of(side(file))) {
                *names.entry(name).or_default() += count;
            }
        }
        names
    };
    let (all_before, all_after) = (all(|f| f.before.as_ref()), all(|f| f.after.as_ref()));
    let total = |names: &BTreeMap<String, usize>| names.values().sum::<usize>();
    let none_lost = total(&all_after) >= total(&all_before);
    let functions = functions(&old);
    let renamed = |name: &str| {
        let mut of_name = functions.iter().filter(|function| function.name == name);
        let asserts = assertions(&file.path, &old, rules);
        none_lost
            && of_name.any(|function| {
                let inside = |a: &Assertion| (function.first..=function.last).contains(&a.line);
                asserts.iter().any(inside) && !removed.iter().any(inside)
            })
    };
    let gone: Vec<&str> = had
        .keys()
        .map(String::as_str)
        .filter(|name| all_after.get(*name) < all_before.get(*name) && !renamed(name))
        .collect();
    if file.after.is_none() && (had.is_empty() || !gone.is_empty()) {
        let moved = files
            .iter()
            .any(|other| other.renamed_from.as_deref() == Some(&file.path));
        if !moved {
            let detail = "the test file is deleted";
            return vec![risk("tests_removed", &file.path, detail)];
        }
    }
    let mut risks = Vec::new();
    if !gone.is_empty() {
        let detail = format!("tests are gone: {}", gone.join(", "));
        risks.push(risk("tests_removed", &file.path, bounded(&detail)));
    }
    let asserted = |side: fn(&FileChange) -> Option<&crate::model::FileState>| -> usize {
        let count = |file: &&FileChange| rules.assertions(&text_of(side(file)));
        files.iter().map(count).sum()
    };
    let (before, after) = (
        asserted(|f| f.before.as_ref()),
        asserted(|f| f.after.as_ref()),
    );
    if after < before && !removed.is_empty() {
        let detail = format!("the changed tests have {after} assertions, {before} before");
        risks.push(risk("tests_removed", &file.path, detail));
    }
    risks
}

/// Tests that are still there by name and do nothing any more.
fn emptied(file: &FileChange) -> Vec<Risk> {
    static REBOUND: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?m)^[ \t]*(?:del[ \t]+)?(test\w*)[ \t]*(?:=[^=]|$)").ok());
    if !is_python(&file.path) || file.before.is_none() {
        return Vec::new();
    }
    let (old, new) = (text_of(file.before.as_ref()), text_of(file.after.as_ref()));
    let (before, after) = (functions(&old), functions(&new));
    let mut risks = Vec::new();
    for function in &after {
        let was = before.iter().find(|old| old.name == function.name);
        let twins = |all: &[Function]| {
            let same = |other: &&Function| {
                other.name == function.name && other.indent == 0 && function.indent == 0
            };
            all.iter().filter(same).count()
        };
        let subject = format!("{}:{}", file.path, function.first);
        if was.is_some_and(|was| !was.is_trivial) && function.is_trivial {
            let detail = format!("{} does nothing any more", function.name);
            risks.push(risk("tests_emptied", &subject, detail));
        } else if twins(&after) > twins(&before).max(1) {
            let detail = format!("{} is defined again, only the last counts", function.name);
            risks.push(risk("tests_emptied", &subject, detail));
        }
    }
    let rebound = |text: &str| -> Vec<String> {
        let found = REBOUND.as_ref().map(|pattern| pattern.captures_iter(text));
        let names = found.into_iter().flatten();
        names
            .filter_map(|captures| Some(captures.get(1)?.as_str().to_owned()))
            .collect()
    };
    let known = rebound(&old);
    for name in rebound(&new) {
        if !known.contains(&name) && before.iter().any(|function| function.name == name) {
            let detail = format!("{name} is given another meaning");
            risks.push(risk("tests_emptied", &file.path, detail));
        }
    }
    risks
}

fn is_python(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == "py")
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A block of Python that a line stands in.
struct Block {
    indent: usize,
    header: String,
    is_function: bool,
    /// Whether the lines that follow are not reached.
    is_dead: bool,
}

/// The assertions of a content; in Python with the blocks that decide whether they are reached.
fn assertions(path: &str, content: &str, rules: &TestRules) -> Vec<Assertion> {
    let python = is_python(path);
    let lines: Vec<&str> = content.lines().collect();
    let mut blocks: Vec<Block> = Vec::new();
    let mut decorators: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') || text.starts_with("//") {
            continue;
        }
        if python && !text.starts_with(')') {
            let indent = indent_of(line);
            blocks.retain(|block| block.indent < indent);
        }
        if rules.is_assertion(text) {
            let text = statement(lines.get(index..).unwrap_or_default());
            let whole = format!("{}{text}", around(&blocks));
            let line = index + 1;
            found.push(Assertion { line, text, whole });
        }
        if python {
            enter(&mut blocks, &mut decorators, line);
        }
    }
    found
}

/// Takes a line of Python for what it means to the lines behind it.
fn enter(blocks: &mut Vec<Block>, decorators: &mut Vec<String>, line: &str) {
    let text = line.trim();
    if text.starts_with('@') {
        if !HARMLESS.iter().any(|known| text.starts_with(known)) {
            decorators.push(text.to_owned());
        }
        return;
    }
    let is_function = ["def ", "async def ", "class "]
        .iter()
        .any(|word| text.starts_with(word));
    if is_function || text.ends_with(':') && !text.starts_with(')') {
        let header = if is_function {
            decorators.join(" ")
        } else {
            text.to_owned()
        };
        decorators.clear();
        blocks.push(Block {
            indent: indent_of(line),
            header,
            is_function,
            is_dead: false,
        });
    } else if ends_block(text)
        && let Some(block) = blocks.last_mut()
    {
        block.is_dead = true;
    }
}

fn ends_block(text: &str) -> bool {
    let word = text.split([' ', '(', ';']).next().unwrap_or(text);
    matches!(
        word,
        "return"
            | "raise"
            | "continue"
            | "break"
            | "pytest.skip"
            | "pytest.exit"
            | "self.skipTest"
            | "sys.exit"
            | "os._exit"
            | "exit"
            | "quit"
    )
}

/// The blocks around a line, innermost first, up to its function.
fn around(blocks: &[Block]) -> String {
    let mut text = String::new();
    for block in blocks.iter().rev() {
        text.push_str(&block.header);
        text.push_str(if block.is_dead {
            " (left before)\n"
        } else {
            "\n"
        });
        if block.is_function {
            break;
        }
    }
    text
}

/// A statement that begins with the first line, joined as far as its brackets are open.
fn statement(lines: &[&str]) -> String {
    let mut open = 0_i64;
    let mut words: Vec<&str> = Vec::new();
    for line in lines.iter().take(LONGEST_STATEMENT) {
        words.extend(line.split_whitespace());
        for character in line.chars() {
            match character {
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' => open -= 1,
                _ => {}
            }
        }
        if open <= 0 && !line.trim_end().ends_with('\\') {
            break;
        }
    }
    words.join(" ")
}

/// The test functions of a Python text.
fn functions(content: &str) -> Vec<Function> {
    let lines: Vec<&str> = content.lines().collect();
    let mut functions = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        let rest = text.strip_prefix("async ").unwrap_or(text);
        let Some(rest) = rest.strip_prefix("def test") else {
            continue;
        };
        let end = rest
            .find(|c: char| !(c == '_' || c.is_alphanumeric()))
            .unwrap_or(rest.len());
        let indent = indent_of(line);
        let inside = |line: &&&str| {
            let text = line.trim();
            text.is_empty() || indent_of(line) > indent || text.starts_with(')')
        };
        let below = lines.get(index + 1..).unwrap_or_default();
        let length = below.iter().take_while(inside).count();
        let body = below.get(..length).unwrap_or_default();
        functions.push(Function {
            name: format!("test{}", rest.get(..end).unwrap_or_default()),
            first: index + 1,
            last: index + 1 + length,
            is_trivial: is_trivial(line, body),
            indent,
        });
    }
    functions
}

/// Whether a function's body does nothing: `pass`, `return`, `...`, a constant assertion, words.
fn is_trivial(header: &str, body: &[&str]) -> bool {
    let inline = header.rsplit_once("):").map_or("", |(_, after)| after);
    let mut quoted = false;
    let mut statements = std::iter::once(inline).chain(body.iter().copied());
    statements.all(|line| {
        let text = line.trim();
        let marks = text.matches("\"\"\"").count() + text.matches("'''").count();
        let was_quoted = quoted;
        if marks % 2 == 1 {
            quoted = !quoted;
        }
        let code = text.split('#').next().unwrap_or("").trim();
        was_quoted
            || marks > 0
            || matches!(
                code,
                "" | "pass" | "..." | "return" | "assert True" | "assert 1" | "):" | ") -> None:"
            )
    })
}

#[cfg(test)]
mod tests;
