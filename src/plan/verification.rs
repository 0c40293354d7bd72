//! Which commands verify a change: the suite of the base commit, then what the proposal asks for.

use crate::model::plan::CommandOrigin;
use crate::model::{BaseTree, FileMode, TreeEntry, TreeError, VerificationCommand};

/// A set-up file larger than this is not read (1 MiB; real ones are a few kilobytes).
const MAX_CONFIG: u64 = 1 << 20;

/// The most sub-folders of a test folder that are looked into for a test file.
const MAX_FOLDERS: usize = 50;

/// The verification commands, suite first.
///
/// The suite is what the human typed, else what the base commit is set up for, else `pytest -q` as
/// the policy says. It is looked up on the base alone: a proposal cannot choose its own judge.
/// Commands of the proposal follow, never as the suite.
pub fn verification(
    base: &dyn BaseTree,
    human: Option<Vec<String>>,
    proposal: &[Vec<String>],
) -> Result<Vec<VerificationCommand>, TreeError> {
    let suite = match human.filter(|argv| !argv.is_empty()) {
        Some(argv) => VerificationCommand {
            argv,
            origin: CommandOrigin::Human,
            why: "given by the human who started the run".to_owned(),
            is_suite: true,
        },
        None => discover(base)?,
    };
    let mut commands = vec![suite];
    for argv in proposal {
        if commands.iter().all(|known| known.argv != *argv) {
            commands.push(VerificationCommand {
                argv: argv.clone(),
                origin: CommandOrigin::Proposal,
                why: "asked for by the proposal".to_owned(),
                is_suite: false,
            });
        }
    }
    Ok(commands)
}

fn discover(base: &dyn BaseTree) -> Result<VerificationCommand, TreeError> {
    let root = Folder {
        base,
        entries: base.list("")?,
    };
    let found = match pytest(&root)? {
        Some(why) => Some((vec!["pytest", "-q"], format!("pytest: {why}"))),
        None => other_runners(&root)?,
    };
    let (argv, why) = found.unwrap_or_else(|| {
        let why = "no test set-up found; the policy's default";
        (vec!["pytest", "-q"], why.to_owned())
    });
    Ok(VerificationCommand {
        argv: argv.into_iter().map(str::to_owned).collect(),
        origin: CommandOrigin::Repository,
        why,
        is_suite: true,
    })
}

/// The root folder of the base commit.
struct Folder<'a> {
    base: &'a dyn BaseTree,
    entries: Vec<TreeEntry>,
}

impl Folder<'_> {
    fn has_file(&self, name: &str) -> bool {
        self.entries.iter().any(|e| e.name == name && is_file(e))
    }

    /// The text of a set-up file; `None` when it is not there, too large or not text.
    fn text(&self, name: &str) -> Result<Option<String>, TreeError> {
        let Some(entry) = self.entries.iter().find(|e| e.name == name && is_file(e)) else {
            return Ok(None);
        };
        if self.base.blob_size(&entry.oid)? > MAX_CONFIG {
            return Ok(None);
        }
        Ok(String::from_utf8(self.base.blob(&entry.oid)?).ok())
    }
}

fn is_file(entry: &TreeEntry) -> bool {
    matches!(entry.mode, FileMode::Regular | FileMode::Executable)
}

/// Why the project is tested by pytest, if it is.
fn pytest(root: &Folder<'_>) -> Result<Option<String>, TreeError> {
    if root.has_file("pytest.ini") {
        return Ok(Some("pytest.ini".to_owned()));
    }
    if let Some(text) = root.text("pyproject.toml")?
        && let Ok(table) = text.parse::<toml::Table>()
        && let Some(toml::Value::Table(tools)) = table.get("tool")
        && tools.contains_key("pytest")
    {
        return Ok(Some("[tool.pytest] in pyproject.toml".to_owned()));
    }
    for (file, section) in [("setup.cfg", "[tool:pytest]"), ("tox.ini", "[pytest]")] {
        let text = root.text(file)?.unwrap_or_default();
        if text.lines().any(|line| line.trim_end() == section) {
            return Ok(Some(format!("{section} in {file}")));
        }
    }
    if root.has_file("conftest.py") {
        return Ok(Some("conftest.py".to_owned()));
    }
    for folder in ["tests", "test"] {
        if let Some(file) = test_file_under(root.base, folder)? {
            return Ok(Some(file));
        }
    }
    let at_root = root
        .entries
        .iter()
        .find(|e| is_file(e) && is_python_test(&e.name));
    Ok(at_root.map(|entry| entry.name.clone()))
}

/// The first Python test or `conftest.py` in a folder or its sub-folders.
fn test_file_under(base: &dyn BaseTree, folder: &str) -> Result<Option<String>, TreeError> {
    let entries = base.list(folder)?;
    let is_test =
        |e: &&TreeEntry| is_file(e) && (is_python_test(&e.name) || e.name == "conftest.py");
    if let Some(entry) = entries.iter().find(is_test) {
        return Ok(Some(format!("{folder}/{}", entry.name)));
    }
    let folders = entries.iter().filter(|e| e.mode == FileMode::Tree);
    for sub in folders.take(MAX_FOLDERS) {
        let path = format!("{folder}/{}", sub.name);
        if let Some(entry) = base.list(&path)?.iter().find(is_test) {
            return Ok(Some(format!("{path}/{}", entry.name)));
        }
    }
    Ok(None)
}

fn is_python_test(name: &str) -> bool {
    let stem = name.strip_suffix(".py").unwrap_or_default();
    stem.starts_with("test_") || stem.ends_with("_test")
}

type Found = Option<(Vec<&'static str>, String)>;

/// Test runners of other languages, by the file that sets them up.
fn other_runners(root: &Folder<'_>) -> Result<Found, TreeError> {
    if root.has_file("Cargo.toml") {
        return Ok(Some((
            vec!["cargo", "test"],
            "cargo: Cargo.toml".to_owned(),
        )));
    }
    if root.has_file("go.mod") {
        return Ok(Some((vec!["go", "test", "./..."], "go: go.mod".to_owned())));
    }
    if let Some(found) = node(root)? {
        return Ok(Some(found));
    }
    make(root)
}

fn node(root: &Folder<'_>) -> Result<Found, TreeError> {
    let text = root.text("package.json")?.unwrap_or_default();
    let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let script = package
        .pointer("/scripts/test")
        .and_then(serde_json::Value::as_str);
    // What `npm init` writes: a script that only fails.
    let real = |script: &&str| !script.trim().is_empty() && !script.contains("no test specified");
    if !script.is_some_and(|script| real(&script)) {
        return Ok(None);
    }
    let (program, because) = if root.has_file("pnpm-lock.yaml") {
        ("pnpm", " and pnpm-lock.yaml")
    } else if root.has_file("yarn.lock") {
        ("yarn", " and yarn.lock")
    } else {
        ("npm", "")
    };
    let why = format!("{program}: scripts.test in package.json{because}");
    Ok(Some((vec![program, "test"], why)))
}

fn make(root: &Folder<'_>) -> Result<Found, TreeError> {
    for file in ["GNUmakefile", "makefile", "Makefile"] {
        let text = root.text(file)?.unwrap_or_default();
        for target in ["test", "check"] {
            let is_rule = |line: &str| {
                let rest = line.strip_prefix(target).map(str::trim_start);
                rest.and_then(|rest| rest.strip_prefix(':'))
                    .is_some_and(|rest| !rest.starts_with(['=', ':']))
            };
            if text.lines().any(is_rule) {
                let why = format!("make: target `{target}` in {file}");
                return Ok(Some((vec!["make", target], why)));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::MemoryTree;

    type Files = &'static [(&'static str, &'static str)];

    /// The files of the base, the suite, and what its reason names.
    const SETUPS: [(Files, &str, &str); 16] = [
        (&[("pytest.ini", "")], "pytest -q", "pytest.ini"),
        (
            &[("pyproject.toml", "[tool.pytest.ini_options]\n")],
            "pytest -q",
            "pyproject.toml",
        ),
        (
            &[("setup.cfg", "[tool:pytest]\n")],
            "pytest -q",
            "setup.cfg",
        ),
        (&[("tox.ini", "[pytest]\r\n")], "pytest -q", "tox.ini"),
        (&[("conftest.py", "")], "pytest -q", "conftest.py"),
        (
            &[("tests/test_a.py", ""), ("Cargo.toml", "")],
            "pytest -q",
            "tests/test_a.py",
        ),
        (
            &[("test/unit/a_test.py", "")],
            "pytest -q",
            "test/unit/a_test.py",
        ),
        (&[("test_a.py", "")], "pytest -q", "test_a.py"),
        (
            &[("Cargo.toml", ""), ("Makefile", "test:\n")],
            "cargo test",
            "Cargo.toml",
        ),
        (&[("go.mod", "")], "go test ./...", "go.mod"),
        (
            &[("package.json", r#"{"scripts":{"test":"jest"}}"#)],
            "npm test",
            "package.json",
        ),
        (
            &[
                ("package.json", r#"{"scripts":{"test":"jest"}}"#),
                ("yarn.lock", ""),
            ],
            "yarn test",
            "yarn.lock",
        ),
        (
            &[(
                "package.json",
                r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#,
            )],
            "pytest -q",
            "default",
        ),
        (
            &[("Makefile", "all:\ncheck: all\n")],
            "make check",
            "`check` in Makefile",
        ),
        (
            &[("Makefile", "test := 1\ntests: x\n")],
            "pytest -q",
            "default",
        ),
        (
            &[("README", ""), ("pyproject.toml", "[tool")],
            "pytest -q",
            "no test set-up",
        ),
    ];

    #[test]
    fn the_suite_is_found_by_the_set_up_of_the_base() {
        for (files, argv, why) in SETUPS {
            let found = verification(&MemoryTree::with(files), None, &[]).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].argv.join(" "), argv, "{files:?}");
            assert!(
                found[0].why.contains(why),
                "{:?} for {files:?}",
                found[0].why
            );
            assert!(found[0].is_suite);
        }
    }

    #[test]
    fn the_human_replaces_the_suite_and_the_proposal_only_adds() {
        let base = MemoryTree::with(&[("pytest.ini", "")]);
        let argv = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
        let asked = [
            argv("ruff check ."),
            argv("make test"),
            argv("ruff check ."),
        ];
        let found = verification(&base, Some(argv("make test")), &asked).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|c| (c.argv.join(" "), c.origin, c.is_suite))
            .collect();
        assert_eq!(
            shown,
            [
                ("make test".to_owned(), CommandOrigin::Human, true),
                ("ruff check .".to_owned(), CommandOrigin::Proposal, false),
            ]
        );
    }
}
