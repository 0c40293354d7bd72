//! Where a failure happened, read from its traceback.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::exec::Candidate;
use crate::model::RelPath;

/// The forms in which runners write a place, the last one in a text being where it failed:
/// `path.py:5: AssertionError` (pytest), `File "path.py", line 5` (Python itself; `E` before it
/// for a syntax error).
const DEEPEST_LAST: &str = r#"(?m)^(?:(?P<a>[^\s:][^\n:]*\.py):(?P<b>\d+):|(?:E\s+)?\s*File "(?P<c>[^"\n]+)", line (?P<d>\d+))"#;

/// `at f (file:///path.js:5:3)` and its like, the first one in a text being where it failed.
const DEEPEST_FIRST: &str = r"(?:file://)?(?P<a>[^\s():]+\.[A-Za-z]{1,4}):(?P<b>\d+)";

/// The place of a failure as the traceback names it: a file inside the view and a line.
pub(super) fn of_failure(traceback: &str, view: &Candidate) -> Option<(String, u32)> {
    static LAST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(DEEPEST_LAST).ok());
    static FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(DEEPEST_FIRST).ok());
    let places = |pattern: Option<&Regex>| -> Vec<(String, u32)> {
        let captures = pattern.map(|pattern| pattern.captures_iter(traceback));
        let pairs = captures.into_iter().flatten().filter_map(|found| {
            let path = found.name("a").or_else(|| found.name("c"))?;
            let line = found.name("b").or_else(|| found.name("d"))?;
            Some((inside(path.as_str(), view)?, line.as_str().parse().ok()?))
        });
        pairs.collect()
    };
    places(LAST.as_ref())
        .pop()
        .or_else(|| places(FIRST.as_ref()).into_iter().next())
}

/// The path relative to the view, when it names a file of the candidate's own.
pub fn inside(path: &str, view: &Candidate) -> Option<String> {
    let path = Path::new(path);
    let relative = if path.is_absolute() {
        let real = view.root().canonicalize().ok();
        path.strip_prefix(view.root())
            .ok()
            .or_else(|| path.strip_prefix(real?).ok())?
    } else {
        path
    };
    let relative = RelPath::parse(relative.to_str()?).ok()?;
    let installed = relative
        .as_str()
        .split('/')
        .any(|part| matches!(part, ".venv" | "venv" | "site-packages" | "node_modules"));
    (!installed && view.holds_file(relative.as_str())).then(|| relative.into())
}

/// The test file that a dotted class name begins with, and the rest of the name.
pub(super) fn file_of_class<'a>(class: &'a str, view: &Candidate) -> Option<(String, &'a str)> {
    let ends = class.match_indices('.').map(|(index, _)| index);
    ends.chain([class.len()]).find_map(|end| {
        let (module, rest) = class.split_at_checked(end)?;
        let file = inside(&format!("{}.py", module.replace('.', "/")), view)?;
        Some((file, rest.trim_start_matches('.')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> tempfile::TempDir {
        let view = tempfile::tempdir().unwrap();
        for file in ["tests/test_a.py", "src/a.py", "x.test.js", ".venv/lib/p.py"] {
            let path = view.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        view
    }

    #[test]
    fn the_deepest_place_inside_the_view_is_found() {
        let view = view();
        let root = view.path().display();
        let place = |file: &str, line| Some((file.to_owned(), line));
        for (text, expected) in [
            (
                "tests/test_a.py:5: AssertionError".to_owned(),
                place("tests/test_a.py", 5),
            ),
            (
                "tests/test_a.py:5: \nsrc/a.py:7: ValueError".into(),
                place("src/a.py", 7),
            ),
            (
                "src/a.py:7: \n.venv/lib/p.py:9: E".into(),
                place("src/a.py", 7),
            ),
            (
                "src/a.py:7: \n/usr/lib/python3/x.py:9: E".into(),
                place("src/a.py", 7),
            ),
            (format!("{root}/src/a.py:3: E"), place("src/a.py", 3)),
            (
                format!("  File \"{root}/src/a.py\", line 4, in f"),
                place("src/a.py", 4),
            ),
            (
                format!("E     File \"{root}/src/a.py\", line 2"),
                place("src/a.py", 2),
            ),
            (
                format!("at f (file://{root}/x.test.js:5:10)\nat {root}/x.test.js:9:1"),
                place("x.test.js", 5),
            ),
            (
                "E   assert 'src/a.py:9:' == 1\nsrc/a.py:1: E".into(),
                place("src/a.py", 1),
            ),
            ("../src/a.py:1: E".into(), None),
            ("src/gone.py:1: E".into(), None),
            ("src/a.py:99999999999: E".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(
                of_failure(&text, &Candidate::at(view.path())),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_class_name_is_split_at_the_file_that_exists() {
        let view = view();
        let candidate = Candidate::at(view.path());
        let split = |class| file_of_class(class, &candidate);
        assert_eq!(
            split("tests.test_a.TestX"),
            Some(("tests/test_a.py".into(), "TestX"))
        );
        assert_eq!(split("tests.test_a"), Some(("tests/test_a.py".into(), "")));
        assert_eq!(split("elsewhere.test_a"), None);
        assert_eq!(split(""), None);
    }
}
