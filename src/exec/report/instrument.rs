//! Asks a test runner for its report, by arguments that come last or by an environment variable.

use std::ffi::OsString;
use std::path::Path;

/// The variable that holds the path of the report file. Any test command may write a JUnit file
/// there; for a runner that milton does not know it is the only way to be counted.
pub const REPORT_VARIABLE: &str = "MILTON_JUNIT_XML";

/// The runner that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// pytest, by its name, as a Python module, or behind a known wrapper (`uv run pytest`).
    Pytest,
    /// Node's own runner, `node --test`.
    Node,
    /// Anything else: only the environment variable asks.
    Other,
}

/// A command that was asked for a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrumented {
    /// The command to run. What the plan shows stays as it is; the caller records both.
    pub argv: Vec<String>,
    /// To be added to the command's environment.
    pub env: Vec<(OsString, OsString)>,
    /// Which runner was recognised.
    pub kind: Runner,
}

/// Adds what makes a runner write its report to `report_file`.
///
/// pytest gets `--junitxml`, and three settings for the report only: the `xunit1` family, because
/// it names file and line of each test and is the one that no fixture warns about; no captured
/// output inside the report; and the usual suite name, by which the reader knows pytest's way of
/// counting. They come last on the command line, where they win over `addopts`; a
/// repository that switches the report's plugin off gets no report, which is not a pass. The cache
/// plugin stays: without it `--ff` in a suite's settings is a usage error.
///
/// Last of all come `more` words for pytest, such as the one that loads milton's plugin: an earlier
/// `-p no:` of that name is undone by a later `-p`.
///
/// A path that is not UTF-8 cannot be an argument here, so then only the variable asks.
pub fn instrument(argv: &[String], report_file: &Path, more: &[String]) -> Instrumented {
    let mut instrumented = Instrumented {
        argv: argv.to_vec(),
        env: vec![(REPORT_VARIABLE.into(), report_file.into())],
        kind: Runner::Other,
    };
    let Some(file) = report_file.to_str() else {
        return instrumented;
    };
    if let Some(runner) = pytest_position(argv) {
        let mut asking = vec![
            format!("--junitxml={file}"),
            "-o".to_owned(),
            "junit_family=xunit1".to_owned(),
            "-o".to_owned(),
            "junit_logging=no".to_owned(),
            "-o".to_owned(),
            "junit_suite_name=pytest".to_owned(),
        ];
        asking.extend(more.iter().cloned());
        // Behind `--` there are only paths.
        let end = argv.iter().skip(runner).position(|word| word == "--");
        let end = end.map_or(argv.len(), |offset| runner + offset);
        instrumented.argv.splice(end..end, asking);
        instrumented.kind = Runner::Pytest;
    } else if let Some(test) = node_test_position(argv) {
        // With one reporter named, Node prints nothing any more: the reader's one is named too.
        let asking = [
            "--test-reporter=spec".to_owned(),
            "--test-reporter-destination=stdout".to_owned(),
            "--test-reporter=junit".to_owned(),
            format!("--test-reporter-destination={file}"),
        ];
        let after = test + 1;
        instrumented.argv.splice(after..after, asking);
        instrumented.kind = Runner::Node;
    }
    instrumented
}

/// Whether a command is pytest's.
pub fn is_pytest(argv: &[String]) -> bool {
    pytest_position(argv).is_some()
}

/// Where pytest stands in the command.
fn pytest_position(argv: &[String]) -> Option<usize> {
    let is_pytest = |word: &str| matches!(base_name(word), "pytest" | "py.test");
    let first = argv.first()?;
    if is_pytest(first) {
        return Some(0);
    }
    let name = base_name(first);
    let introduced_by: &[&str] = match name {
        "uv" | "poetry" | "pdm" | "hatch" | "pipenv" | "rye" => &["run", "-m", "--"],
        "coverage" => &["-m"],
        _ if is_python(name) => &["-m"],
        _ => return None,
    };
    let pairs = argv.iter().zip(argv.iter().skip(1));
    let position =
        pairs.map(|(before, word)| introduced_by.contains(&before.as_str()) && is_pytest(word));
    position
        .enumerate()
        .find_map(|(index, found)| found.then_some(index + 1))
}

/// `python`, `python3`, `python3.11`.
fn is_python(name: &str) -> bool {
    name.strip_prefix("python").is_some_and(|version| {
        version
            .chars()
            .all(|character| character.is_ascii_digit() || character == '.')
    })
}

/// Where `--test` stands among the options of `node`.
fn node_test_position(argv: &[String]) -> Option<usize> {
    if base_name(argv.first()?) != "node" {
        return None;
    }
    let options = argv.iter().skip(1).take_while(|word| word.starts_with('-'));
    let position = options
        .map(String::as_str)
        .position(|word| word == "--test");
    position.map(|index| index + 1)
}

fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> (String, Runner) {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let instrumented = instrument(
            &argv,
            Path::new("/r.xml"),
            &["-p", "plug"].map(str::to_owned),
        );
        assert_eq!(
            instrumented.env,
            [(REPORT_VARIABLE.into(), "/r.xml".into())]
        );
        (instrumented.argv.join(" "), instrumented.kind)
    }

    #[test]
    fn pytest_is_asked_last_but_before_the_double_dash() {
        const ASKING: &str = "--junitxml=/r.xml -o junit_family=xunit1 -o junit_logging=no \
                              -o junit_suite_name=pytest -p plug";
        for (before, after) in [
            ("pytest", ""),
            ("pytest -q --junitxml=mine.xml", ""),
            ("/v/bin/py.test -q tests", ""),
            ("python3.11 -X dev -m pytest -q", ""),
            ("uv run pytest -q", ""),
            ("uv run -- pytest -q", ""),
            ("coverage run -m pytest", ""),
            ("pytest -q", " -- -odd.py"),
        ] {
            let expected = format!("{before} {ASKING}{after}");
            assert_eq!(
                asked(&format!("{before}{after}")),
                (expected, Runner::Pytest)
            );
        }
    }

    #[test]
    fn other_runners_are_asked_by_the_variable_alone() {
        for line in [
            "make test",
            "cargo test",
            "npm test",
            "echo pytest",
            "python3 pytest",
            "pythonista -m pytest",
            "node x.js --test",
        ] {
            assert_eq!(asked(line), (line.to_owned(), Runner::Other));
        }
    }

    #[test]
    fn node_keeps_its_readable_output() {
        let (line, kind) = asked("node --test a.test.js");
        assert_eq!(kind, Runner::Node);
        assert_eq!(
            line,
            "node --test --test-reporter=spec --test-reporter-destination=stdout \
             --test-reporter=junit --test-reporter-destination=/r.xml a.test.js"
        );
    }
}
