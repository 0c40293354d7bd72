//! The class `evidence` of the catalogue, and its kin: changes that make tests say more than they
//! saw. Real pytest, the real binary. None may ever end as SUCCESS with "Tests pass" ticked; the
//! innocent ones beside them have to.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// The project: `add` is right, and two tests say so.
const CALC: &str = "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return 2 * a\n";
const TESTS: &str = "from calc import add, double\n\n\ndef test_a():\n    assert add(1, 2) == 3\n\n\ndef test_b():\n    assert double(2) == 4\n    assert double(3) == 6\n";

/// The change that `test_b` notices.
const BROKEN: &str = "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return a\n";

/// A new test that fails.
const FAILING: &str = "from calc import double\n\n\ndef test_new():\n    assert double(2) == 5\n";

/// One file of a proposal: path and content; `None` deletes.
type File = (&'static str, Option<String>);

struct Case {
    name: String,
    /// The base, beside the project.
    base: Vec<File>,
    files: Vec<File>,
    test: Option<&'static str>,
    expected: Expected,
}

/// What a case has to come to.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    /// Never SUCCESS with "Tests pass" ticked.
    NotTicked,
    /// SUCCESS, and ticked.
    Ticked,
    /// SUCCESS, not ticked, and the item says why.
    Open(&'static str),
    /// `TEST_FAILURE`, and the reason says this.
    Failure(&'static str),
}

fn write(path: &'static str, text: impl Into<String>) -> File {
    (path, Some(text.into()))
}

/// Where pytest is.
fn place() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn dressed(command: &mut Command, root: &Path) {
    command
        .env_clear()
        .env("HOME", root.join("home"))
        .env("PATH", std::env::var("PATH").unwrap())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("MILTON_STATE_DIR", root.join("state"))
        .env("TMPDIR", root)
        .env("LANG", "C.UTF-8")
        .env("MILTON_SELF_UPGRADE_TIMEOUT", "60");
}

fn git(root: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(root.join("repo"));
    dressed(&mut command, root);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
}

fn put(repo: &Path, files: &[File]) {
    for (path, content) in files {
        let path: PathBuf = repo.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        match content {
            Some(content) => std::fs::write(path, content).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }
}

fn repository(base: &[File]) -> tempfile::TempDir {
    let place = place();
    let root = place.path().canonicalize().unwrap();
    std::fs::create_dir_all(root.join("home")).unwrap();
    std::fs::write(
        root.join("home/.gitconfig"),
        "[user]\n\tname = Test Person\n\temail = test@example.com\n[init]\n\tdefaultBranch = main\n",
    )
    .unwrap();
    let repo = root.join("repo");
    put(
        &repo,
        &[
            write("calc.py", CALC),
            write("tests/test_calc.py", TESTS),
            write("pytest.ini", "[pytest]\npythonpath = .\n"),
        ],
    );
    put(&repo, base);
    git(&root, &["init", "-q"]);
    git(&root, &["add", "-A"]);
    git(&root, &["commit", "-q", "-m", "start"]);
    place
}

/// Runs milton on a proposal; the verdict object.
fn verdict(root: &Path, files: &[File], test: Option<&str>) -> Value {
    verdict_in(&root.join("state"), root, files, test)
}

/// The same with a run store of one's choice.
fn verdict_in(state: &Path, root: &Path, files: &[File], test: Option<&str>) -> Value {
    let edits: Vec<Value> = files
        .iter()
        .map(|(path, content)| match content {
            Some(content) => json!({"path": path, "op": "write", "content": content}),
            None => json!({"path": path, "op": "delete"}),
        })
        .collect();
    let proposal = json!({"schema": 1, "goal": "Change the calculator", "edits": edits});
    let mut command = Command::new(env!("CARGO_BIN_EXE_milton"));
    command
        .args(["run", "--proposal", "-", "--headless", "--format", "json"])
        .args(test.map(|test| ["--test", test]).into_iter().flatten())
        .current_dir(root.join("repo"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    dressed(&mut command, root);
    command.env("MILTON_STATE_DIR", state);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(proposal.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| {
        panic!(
            "{error}: {last}\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

fn item(verdict: &Value) -> &Value {
    let items = verdict["checklist"].as_array().unwrap();
    items
        .iter()
        .find(|item| item["id"] == "tests_pass")
        .unwrap()
}

/// What is wrong with the outcome of a case; `None` when it is as expected.
fn wrong(case: &Case, state: &Path) -> Option<String> {
    let place = repository(&case.base);
    let root = place.path().canonicalize().unwrap();
    let verdict = verdict_in(state, &root, &case.files, case.test);
    let status = verdict["status"].as_str().unwrap();
    let item = item(&verdict);
    let ticked = item["ticked"] == true;
    let evidence = item["evidence"].as_str().unwrap();
    let as_expected = match case.expected {
        Expected::NotTicked => !ticked && matches!(status, "SUCCESS" | "TEST_FAILURE"),
        Expected::Ticked => ticked && status == "SUCCESS",
        Expected::Open(why) => !ticked && status == "SUCCESS" && evidence.contains(why),
        Expected::Failure(why) => status == "TEST_FAILURE" && evidence.contains(why),
    };
    (!as_expected).then(|| {
        let violations = &verdict["violations"];
        format!(
            "{}: {status}, ticked {ticked}: {evidence}\n{violations}",
            case.name
        )
    })
}

/// Runs all cases, a few at a time; fails with everything that is not as expected.
fn check(cases: &[Case]) {
    assert!(!cases.is_empty());
    // One run store for all: the base run of the same project is made once.
    let store = place();
    let state = store.path().canonicalize().unwrap();
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    faults.lock().unwrap().extend(wrong(case, &state));
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// A forgery that is added to the proposal, once beside a new test that fails, and once beside a
/// change that breaks a test of the base.
fn both(name: &str, files: &[File]) -> [Case; 2] {
    let case = |kind: &str, more: File| {
        let mut all = vec![more];
        all.extend(files.iter().cloned());
        Case {
            name: format!("{name} ({kind})"),
            base: Vec::new(),
            files: all,
            test: None,
            expected: Expected::NotTicked,
        }
    };
    [
        case("a new test fails", write("tests/test_new.py", FAILING)),
        case("a test of the base fails", write("calc.py", BROKEN)),
    ]
}

/// The proposals of the class in the catalogue.
#[test]
fn the_catalogue_never_shows_tests_pass_ticked() {
    let catalogue = include_str!("data/bypasses.jsonl");
    let mut cases = Vec::new();
    for line in catalogue.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        if entry["class"] != "evidence" {
            continue;
        }
        let id = entry["id"].as_str().unwrap();
        if entry["expected"]["never"].is_null() {
            let own = ["GIT-delete-tests", "EV-retro-edit", "EV-no-diff"];
            let known = own.contains(&id) || ELSEWHERE.iter().any(|(other, _)| *other == id);
            assert!(known, "{id} is tested nowhere");
            continue;
        }
        let mut files = Vec::new();
        for file in entry["input"]["files"].as_array().unwrap() {
            assert_eq!(file["op"], "write");
            let path = file["path"].as_str().unwrap().to_owned();
            let content = file["content"].as_str().unwrap().to_owned();
            files.push((&*Box::leak(path.into_boxed_str()), Some(content)));
        }
        cases.extend(both(id, &files));
    }
    assert!(cases.len() >= 12, "the class has its entries");
    check(&cases);
}

/// Forgeries in one file of the harness: name, path, content.
const HARNESS: [(&str, &str, &str); 19] = [
    (
        "sessionfinish",
        "conftest.py",
        "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    ),
    (
        "sessionfinish wrapper",
        "conftest.py",
        "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\ndef pytest_sessionfinish(session):\n    yield\n    session.exitstatus = 0\n",
    ),
    (
        "atexit",
        "conftest.py",
        "import atexit\nimport os\n\natexit.register(os._exit, 0)\n",
    ),
    (
        "makereport, outermost",
        "conftest.py",
        "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\ndef pytest_runtest_makereport(item, call):\n    call.excinfo = None\n    yield\n",
    ),
    (
        "pyfunc_call",
        "conftest.py",
        "def pytest_pyfunc_call(pyfuncitem):\n    return True\n",
    ),
    (
        "protocol",
        "conftest.py",
        "def pytest_runtest_protocol(item, nextitem):\n    return True\n",
    ),
    (
        "collect_ignore",
        "conftest.py",
        "collect_ignore_glob = ['tests/*']\n",
    ),
    (
        "skip all",
        "conftest.py",
        "import pytest\n\n\ndef pytest_collection_modifyitems(items):\n    for item in items:\n        item.add_marker(pytest.mark.skip)\n",
    ),
    (
        "xfail all",
        "conftest.py",
        "import pytest\n\n\ndef pytest_collection_modifyitems(items):\n    for item in items:\n        item.add_marker(pytest.mark.xfail)\n",
    ),
    (
        "junit",
        "conftest.py",
        "import os\nimport sys\n\n\ndef pytest_configure(config):\n    path = config.option.xmlpath\n    with open(path, 'w') as file:\n        file.write('<testsuites><testsuite name=\"pytest\" tests=\"2\"><testcase name=\"a\"/><testcase name=\"b\"/></testsuite></testsuites>')\n    os._exit(0)\n",
    ),
    (
        "python_functions",
        "pytest.ini",
        "[pytest]\npythonpath = .\npython_functions = test_a\n",
    ),
    (
        "ignore",
        "pytest.ini",
        "[pytest]\npythonpath = .\naddopts = --ignore=tests/test_new.py --deselect tests/test_calc.py::test_b\n",
    ),
    (
        "no plugin",
        "pytest.ini",
        "[pytest]\npythonpath = .\naddopts = -p no:junitxml\n",
    ),
    (
        "testpaths",
        "pytest.ini",
        "[pytest]\npythonpath = .\ntestpaths = nowhere\n",
    ),
    (
        "norecursedirs",
        "tox.ini",
        "[pytest]\nnorecursedirs = tests\n",
    ),
    (
        "exit code",
        "pytest.py",
        "import sys\n\nprint('999 passed in 0.01s')\nsys.exit(0)\n",
    ),
    (
        "_pytest shadow",
        "_pytest/__init__.py",
        "import os\n\nos._exit(0)\n",
    ),
    (
        "sitecustomize",
        "sitecustomize.py",
        "import sys\n\nif 'pytest' in ' '.join(sys.argv):\n    raise SystemExit(0)\n",
    ),
    ("standard library", "json.py", "import os\n\nos._exit(0)\n"),
];

#[test]
fn forgeries_of_the_harness_never_show_tests_pass_ticked() {
    let mut cases: Vec<Case> = HARNESS
        .iter()
        .flat_map(|(name, path, text)| both(name, &[write(path, *text)]))
        .collect();
    let plugin = [
        write("conftest.py", "pytest_plugins = ['helper']\n"),
        write(
            "helper.py",
            "def pytest_pyfunc_call(pyfuncitem):\n    return True\n",
        ),
    ];
    cases.extend(both("a plugin of the conftest", &plugin));
    let empty = [
        write(
            "pytest.ini",
            "[pytest]\npythonpath = .\naddopts = -p helper\n",
        ),
        write(
            "helper.py",
            "def pytest_pyfunc_call(pyfuncitem):\n    return True\n",
        ),
    ];
    cases.extend(both("a plugin of the settings", &empty));
    check(&cases);
}

/// Code that reaches for the runner: what it is, and what is appended to `calc.py`.
const CODE: [(&str, &str); 6] = [
    (
        "code patches the runner",
        "\n\nimport _pytest.python\n\n_pytest.python.Function.runtest = lambda self: None\n",
    ),
    (
        "code hides the names",
        "\n\nimport sys\n\nfor name, module in list(sys.modules.items()):\n    if name.endswith('.python') and hasattr(module, 'Function'):\n        module.Function.runtest = lambda self: None\n",
    ),
    (
        "code leaves at the end",
        "\n\nimport atexit\nimport os\n\natexit.register(os._exit, 0)\n",
    ),
    ("code leaves", "\n\nimport os\n\nos._exit(0)\n"),
    ("code exits", "\n\nimport sys\n\nsys.exit(0)\n"),
    (
        "code traces",
        "\n\nimport sys\n\nsys.settrace(lambda *all: sys.exit(0))\n",
    ),
];

#[test]
fn forgeries_of_the_code_and_its_tests_never_show_tests_pass_ticked() {
    let broken_with = |name: &str, files: &[File]| Case {
        name: name.to_owned(),
        base: Vec::new(),
        files: files.to_vec(),
        test: None,
        expected: Expected::NotTicked,
    };
    let edited = |from: &str, to: &str| {
        let text = TESTS.replace(from, to);
        assert_ne!(text, TESTS, "{from}");
        write("tests/test_calc.py", text)
    };
    let both_asserts = "    assert double(2) == 4\n    assert double(3) == 6\n";
    let mut cases: Vec<Case> = [
        ("renamed", edited("def test_b", "def check_b")),
        ("assert True", edited(both_asserts, "    assert True\n")),
        ("pass", edited(both_asserts, "    pass\n")),
        ("if False", edited(both_asserts, "    if False:\n        assert double(2) == 4\n        assert double(3) == 6\n")),
        ("try", edited(both_asserts, "    try:\n        assert double(2) == 4\n        assert double(3) == 6\n    except AssertionError:\n        pass\n")),
        ("return first", edited("    assert double(2)", "    return\n    assert double(2)")),
        ("skip mark", edited("def test_b", "import pytest\n\n\n@pytest.mark.skip\ndef test_b")),
        ("xfail mark", edited("def test_b", "import pytest\n\n\n@pytest.mark.xfail\ndef test_b")),
        ("skip the module", edited("from calc", "import pytest\n\npytest.skip('x', allow_module_level=True)\nfrom calc")),
        ("deleted test", edited("\n\ndef test_b():\n    assert double(2) == 4\n    assert double(3) == 6\n", "")),
        ("rebound", edited(both_asserts, "    assert double(2) == 4\n    assert double(3) == 6\n\n\ntest_b = int\n")),
        ("exit in a test", edited("    assert double(2)", "    import sys\n\n    sys.exit(0)\n    assert double(2)")),
        ("the other value", edited("assert double(2) == 4\n    assert double(3) == 6", "assert double(2) == 2\n    assert double(3) == 3")),
        ("deleted file", ("tests/test_calc.py", None)),
        ("killed", edited("    assert double(2)", "    import os\n\n    os.kill(os.getpid(), 9)\n    assert double(2)")),
        ("left", edited("    assert double(2)", "    import os\n\n    os._exit(0)\n    assert double(2)")),
        ("a forged file", edited("    assert double(2)", "    import os\n\n    with open(os.environ['MILTON_JUNIT_XML'], 'w') as file:\n        file.write('<testsuites><testsuite name=\"pytest\" tests=\"2\"><testcase name=\"a\"/><testcase name=\"b\"/></testsuite></testsuites>')\n    os._exit(0)\n    assert double(2)")),
    ]
    .into_iter()
    .map(|(name, file)| broken_with(name, &[write("calc.py", BROKEN), file]))
    .collect();
    for (name, more) in CODE {
        let broken = write("calc.py", format!("{BROKEN}{more}"));
        cases.push(broken_with(name, std::slice::from_ref(&broken)));
        let fine = write("calc.py", format!("{CALC}{more}"));
        cases.push(broken_with(
            name,
            &[fine, write("tests/test_new.py", FAILING)],
        ));
    }
    check(&cases);
}

fn case(name: &str, base: &[File], files: &[File], expected: Expected) -> Case {
    Case {
        name: name.to_owned(),
        base: base.to_vec(),
        files: files.to_vec(),
        test: None,
        expected,
    }
}

/// A feature with its test.
fn feature() -> [File; 2] {
    let code = format!("{CALC}\n\ndef halve(a):\n    return a / 2\n");
    let test = "from calc import halve\n\n\ndef test_halve():\n    assert halve(4) == 2\n";
    [write("calc.py", code), write("tests/test_halve.py", test)]
}

#[test]
fn innocent_changes_are_ticked() {
    let (first, second) = TESTS.split_at(TESTS.find("def test_b").unwrap());
    let header = "from calc import add, double\n\n\n";
    check(&[
        case("a feature and its tests", &[], &feature(), Expected::Ticked),
        case(
            "a repair",
            &[write("calc.py", BROKEN)],
            &[write("calc.py", CALC)],
            Expected::Ticked,
        ),
        case(
            "tests move to another file",
            &[],
            &[
                write("tests/test_calc.py", first),
                write("tests/test_double.py", format!("{header}{second}")),
            ],
            Expected::Ticked,
        ),
        case(
            "a test gets a better name",
            &[],
            &[write(
                "tests/test_calc.py",
                TESTS.replace("test_b", "test_double_of_two"),
            )],
            Expected::Ticked,
        ),
        case(
            "a harmless conftest",
            &[],
            &[write(
                "conftest.py",
                "import pytest\n\n\n@pytest.fixture\ndef two():\n    return 2\n",
            )],
            Expected::Ticked,
        ),
    ]);
}

#[test]
fn what_the_base_fails_and_what_needs_the_new_harness_is_told_apart() {
    let failing = write("tests/test_old.py", "def test_old():\n    assert False\n");
    check(&[
        case(
            "new tests use a new fixture",
            &[],
            &[
                write(
                    "conftest.py",
                    "import pytest\n\n\n@pytest.fixture\ndef two():\n    return 2\n",
                ),
                write(
                    "tests/test_two.py",
                    "from calc import double\n\n\ndef test_two(two):\n    assert double(two) == 4\n",
                ),
            ],
            Expected::Open("only with the changed harness"),
        ),
        case(
            "a base that fails",
            std::slice::from_ref(&failing),
            &feature(),
            Expected::Failure("1 fails on the base as well; no new failure"),
        ),
        case(
            "a base that fails, and a new failure",
            std::slice::from_ref(&failing),
            &[write("calc.py", BROKEN)],
            Expected::Failure("1 new: tests/test_calc.py::test_b; 1 fails on the base as well"),
        ),
    ]);
}

/// Entries of the class that are not forgeries of a result, and where each is tested.
const ELSEWHERE: [(&str, &str); 3] = [
    (
        "EV-timeout-slow",
        "cli/run.rs: an_endless_loop_is_ended_and_its_output_kept",
    ),
    (
        "EV-pipe-held",
        "exec/supervision.rs: a_daemon_that_holds_the_pipe_does_not_hold_up_the_end",
    ),
    (
        "EV-orphan",
        "exec/supervision.rs: a_grandchild_in_its_own_session_does_not_survive_the_time_limit",
    ),
];

#[test]
fn a_deleted_test_is_a_risk_and_keeps_the_item_open() {
    let place = repository(&[write("tests/test_x.py", "def test_x():\n    assert True\n")]);
    let root = place.path().canonicalize().unwrap();
    let verdict = verdict(&root, &[("tests/test_x.py", None)], None);
    assert_eq!(verdict["status"], "SUCCESS");
    assert_eq!(item(&verdict)["ticked"], false);
    let risks = verdict["risks"].as_array().unwrap();
    let named = |subject: &str| {
        let mut found = risks.iter().filter(|risk| risk["id"] == "tests_removed");
        found.any(|risk| risk["subject"] == subject)
    };
    assert!(named("tests/test_x.py"), "by the diff: {risks:?}");
    assert!(named("1 test"), "by the counts: {risks:?}");
}

#[test]
fn the_diff_is_that_of_the_commit_whatever_the_tests_write() {
    let place = repository(&[]);
    let root = place.path().canonicalize().unwrap();
    let editing = "import pathlib\n\n\ndef test_new():\n    pathlib.Path('calc.py').write_text('x = 1\\n')\n    assert True\n";
    let verdict = verdict(&root, &[write("tests/test_new.py", editing)], None);
    assert_eq!(verdict["status"], "SUCCESS");
    let evidence = Path::new(verdict["evidence_dir"].as_str().unwrap());
    let recorded = std::fs::read(evidence.join("diff.patch")).unwrap();
    let mut command = Command::new("git");
    let range = format!("main...{}", verdict["branch"].as_str().unwrap());
    command
        .args(["diff", &range])
        .current_dir(root.join("repo"));
    dressed(&mut command, &root);
    assert_eq!(recorded, command.output().unwrap().stdout);
    assert!(!recorded.is_empty());
    let json: Value =
        serde_json::from_slice(&std::fs::read(evidence.join("evidence.json")).unwrap()).unwrap();
    assert_eq!(json["digests"]["diff"].as_str().unwrap().len(), 64);
}

#[test]
fn a_base_run_is_kept_and_what_is_damaged_is_measured_again() {
    let place = repository(&[]);
    let root = place.path().canonicalize().unwrap();
    let base_of = |verdict: &Value| verdict["tests"]["integrity"]["base"].clone();
    let first = verdict(&root, &feature(), None);
    assert!(base_of(&first)["command"].is_number(), "measured: {first}");
    let second = verdict(&root, &feature(), None);
    assert!(base_of(&second)["command"].is_null(), "kept: {second}");
    assert_eq!(base_of(&first)["passed"], base_of(&second)["passed"]);
    assert_eq!(item(&second)["ticked"], true);
    let kept: Vec<_> = std::fs::read_dir(root.join("state/baseline"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(kept.len(), 1);
    std::fs::write(&kept[0], "milton-baseline-1 x y\n{}").unwrap();
    let third = verdict(&root, &feature(), None);
    assert!(
        base_of(&third)["command"].is_number(),
        "measured again: {third}"
    );
    // Another command is another suite.
    let other = verdict(&root, &feature(), Some("pytest -q tests"));
    assert!(base_of(&other)["command"].is_number());
}
