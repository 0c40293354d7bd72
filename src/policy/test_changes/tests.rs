use super::*;
use crate::model::{FileMode, FileState, LineStat};
use crate::policy::floor::Floor;

type Sides<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

fn change(files: &[Sides<'_>]) -> ChangeSet {
    let state = |text: &str| FileState::proposed(FileMode::Regular, text.as_bytes().to_vec());
    let files = files.iter().map(|(path, before, after)| FileChange {
        path: (*path).to_owned(),
        before: before.map(state),
        after: after.map(state),
        renamed_from: None,
        lines: LineStat::default(),
    });
    ChangeSet {
        files: files.collect(),
    }
}

/// The ids of what is noted, each once.
fn ids(files: &[Sides<'_>]) -> Vec<String> {
    let floor = Floor::embedded().unwrap();
    let mut ids: Vec<String> = note(&change(files), &floor.tests)
        .into_iter()
        .map(|risk| risk.id)
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

const OLD: &str = "from calc import add\n\n\ndef test_a():\n    assert add(1, 2) == 3\n\n\ndef test_b():\n    total = add(2, 2)\n    assert total == 4\n";

fn edited(from: &str, to: &str) -> Vec<String> {
    let new = OLD.replace(from, to);
    assert_ne!(new, OLD);
    ids(&[("tests/test_calc.py", Some(OLD), Some(&new))])
}

/// What the change to [`OLD`] is, and what it is noted as.
const WEAKER: [(&str, &str, &str); 13] = [
    (
        "    assert total == 4\n",
        "    pass\n",
        "assertions_removed",
    ),
    ("assert total == 4", "assert True", "assertions_removed"),
    (
        "assert total == 4",
        "assert total == 5",
        "assertions_removed",
    ),
    (
        "assert total == 4",
        "assert total == 4 or True",
        "assertions_removed",
    ),
    (
        "    assert total == 4\n",
        "    if False:\n        assert total == 4\n",
        "assertions_removed",
    ),
    (
        "    assert total == 4\n",
        "    try:\n        assert total == 4\n    except AssertionError:\n        pass\n",
        "assertions_removed",
    ),
    (
        "    total = add",
        "    return\n    total = add",
        "assertions_removed",
    ),
    (
        "    total = add",
        "    pytest.skip('later')\n    total = add",
        "assertions_removed",
    ),
    ("def test_b", "@quiet\ndef test_b", "assertions_removed"),
    ("def test_b", "def check_b", "tests_removed"),
    (
        "def test_b",
        "def test_b(): pass\n\n\ndef test_b",
        "tests_emptied",
    ),
    (
        "    assert total == 4\n",
        "    assert total == 4\n\n\ntest_b = print\n",
        "tests_emptied",
    ),
    (
        "    assert total == 4\n",
        "    assert total == 4\n\n\ndel test_b\n",
        "tests_emptied",
    ),
];

#[test]
fn what_makes_a_test_say_less_is_named() {
    for (from, to, id) in WEAKER {
        let found = edited(from, to);
        assert!(found.iter().any(|found| found == id), "{to:?}: {found:?}");
    }
    let old = "def test_runs():\n    \"\"\"It runs.\"\"\"\n    main()\n";
    let new = "def test_runs():\n    \"\"\"It runs.\"\"\"\n    return\n";
    assert_eq!(
        ids(&[("test_x.py", Some(old), Some(new))]),
        ["tests_emptied"]
    );
    assert_eq!(
        ids(&[("test_x.py", Some(OLD), None)]),
        ["assertions_removed", "tests_removed"]
    );
}

#[test]
fn what_only_moves_or_grows_is_not() {
    for (from, to) in [
        // More.
        (
            "    assert total == 4\n",
            "    assert total == 4\n    assert total > 3\n",
        ),
        (
            "def test_b",
            "def test_c():\n    assert add(0, 0) == 0\n\n\ndef test_b",
        ),
        // Another name, another set-up, another order of lines.
        ("def test_b", "def test_two_and_two"),
        ("total = add(2, 2)", "total = add(2, b=2)"),
        (
            "def test_b",
            "@pytest.mark.parametrize('n', [1])\ndef test_b",
        ),
        (
            "assert total == 4\n",
            "# what four is\n    assert total == 4\n",
        ),
    ] {
        assert_eq!(edited(from, to), [""; 0], "{to:?}");
    }
    // To another file, and into a class.
    let class = "from calc import add\n\n\nclass TestCalc:\n    def test_a(self):\n        assert add(1, 2) == 3\n\n    def test_b(self):\n        total = add(2, 2)\n        assert total == 4\n";
    for new in [OLD, class] {
        let moved = [
            ("tests/test_calc.py", Some(OLD), None),
            ("tests/test_numbers.py", None, Some(new)),
        ];
        assert_eq!(ids(&moved), [""; 0]);
    }
    // Half of them.
    let (first, second) = OLD.split_at(OLD.find("def test_b").unwrap());
    let halves = [
        ("tests/test_calc.py", Some(OLD), Some(first)),
        ("tests/test_b.py", None, Some(second)),
    ];
    assert_eq!(ids(&halves), [""; 0]);
}

#[test]
fn a_moved_test_that_lost_its_assertion_is_named() {
    let weaker = OLD.replace("assert total == 4", "print(total)");
    let moved = [
        ("tests/test_calc.py", Some(OLD), None),
        ("tests/test_numbers.py", None, Some(weaker.as_str())),
    ];
    assert!(ids(&moved).contains(&"assertions_removed".to_owned()));
}

#[test]
fn a_statement_over_several_lines_is_compared_whole() {
    let old = "def test_a():\n    assert add(\n        1,\n        2,\n    ) == 3\n";
    let new = old.replace("== 3", "== 4");
    assert_eq!(
        ids(&[("test_a.py", Some(old), Some(&new))]),
        ["assertions_removed"]
    );
    let formatted = "def test_a():\n    assert add( 1, 2, ) == 3\n";
    assert_eq!(ids(&[("test_a.py", Some(old), Some(formatted))]), [""; 0]);
}

#[test]
fn other_languages_are_compared_line_by_line() {
    let old = "it('adds', () => {\n  expect(add(1, 2)).toBe(3)\n})\n";
    let new = "it('adds', () => {\n  add(1, 2)\n})\n";
    assert!(ids(&[("a.test.js", Some(old), Some(new))]).contains(&"assertions_removed".to_owned()));
    let more = format!("{old}it('more', () => {{\n  expect(1).toBe(1)\n}})\n");
    assert_eq!(ids(&[("a.test.js", Some(old), Some(&more))]), [""; 0]);
}
