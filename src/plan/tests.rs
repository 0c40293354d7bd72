//! Proposals against real `git diff` and `git apply`, and the plan made from them.

use std::path::Path;

use proptest::prelude::*;

use super::testing::MemoryTree;
use super::*;
use crate::model::{ChangeSet, FileMode, Risk, Topic};

#[expect(
    clippy::disallowed_methods,
    reason = "the tests compare with the real programs"
)]
fn run(folder: &Path, program: &str, args: &[&str], input: &[u8]) -> (bool, Vec<u8>, String) {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child = Command::new(program)
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), output.stdout, errors)
}

fn git(folder: &Path, args: &[&str]) -> Vec<u8> {
    let (ok, output, errors) = run(folder, "git", args, b"");
    assert!(ok, "git {args:?}: {errors}");
    output
}

type Files<'a> = &'a [(&'a str, FileMode, &'a [u8])];

fn write(folder: &Path, files: Files<'_>) {
    use std::os::unix::fs::PermissionsExt as _;
    for (path, mode, content) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if *mode == FileMode::Symlink {
            let target = std::str::from_utf8(content).unwrap();
            std::os::unix::fs::symlink(target, &path).unwrap();
            continue;
        }
        std::fs::write(&path, content).unwrap();
        let bits = if *mode == FileMode::Executable {
            0o755
        } else {
            0o644
        };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(bits)).unwrap();
    }
}

/// What `git diff` prints between two states of a folder.
fn real_diff(before: Files<'_>, after: Files<'_>, options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    git(dir, &["init", "-q"]);
    write(dir, before);
    git(dir, &["add", "-A"]);
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    git(
        dir,
        &[&who[..], &["commit", "-q", "--allow-empty", "-m", "base"]].concat(),
    );
    for (path, _, _) in before {
        std::fs::remove_file(dir.join(path)).unwrap();
    }
    write(dir, after);
    git(dir, &["add", "-A"]);
    let quiet = ["-c", "core.quotePath=false"];
    let spelling = if options.is_empty() { &quiet[..] } else { &[] };
    git(dir, &[spelling, &["diff", "--cached"], options].concat())
}

fn tree(files: Files<'_>) -> MemoryTree {
    let mut tree = MemoryTree::default();
    for (path, mode, content) in files {
        tree.put(path, *mode, content);
    }
    tree
}

/// The files that a change set leaves, of those in `before`.
fn result(before: Files<'_>, changes: &ChangeSet) -> Vec<(String, FileMode, Vec<u8>)> {
    let mut files: std::collections::BTreeMap<_, _> = before
        .iter()
        .map(|(p, m, c)| ((*p).to_owned(), (*m, c.to_vec())))
        .collect();
    for file in &changes.files {
        match &file.after {
            Some(state) => files.insert(file.path.clone(), (state.mode, state.bytes().to_vec())),
            None => files.remove(&file.path),
        };
    }
    files
        .into_iter()
        .map(|(path, (mode, content))| (path, mode, content))
        .collect()
}

const R: FileMode = FileMode::Regular;
const X: FileMode = FileMode::Executable;

/// A name, the files before, the files after.
const CHANGES: [(&str, Files<'_>, Files<'_>); 14] = [
    ("edit", &[("a", R, b"1\n2\n3\n")], &[("a", R, b"1\nx\n3\n")]),
    (
        "create",
        &[("a", R, b"1\n")],
        &[("a", R, b"1\n"), ("d/b", R, b"n\n")],
    ),
    ("create empty", &[], &[("e", R, b"")]),
    (
        "delete",
        &[("a", R, b"1\n"), ("b", R, b"2\n")],
        &[("a", R, b"1\n")],
    ),
    (
        "delete empty",
        &[("e", R, b""), ("f", R, b"")],
        &[("f", R, b"")],
    ),
    (
        "rename",
        &[("a", R, b"1\n2\n3\n4\n")],
        &[("b c", R, b"1\n2\n3\n4\n")],
    ),
    (
        "rename, edit",
        &[("a", R, b"1\n2\n3\n4\n5\n")],
        &[("d/b", R, b"1\n2\n3\n4\n6\n")],
    ),
    ("mode", &[("a", R, b"1\n")], &[("a", X, b"1\n")]),
    ("mode, edit", &[("a", X, b"1\n")], &[("a", R, b"2\n")]),
    (
        "CRLF",
        &[("a", R, b"1\r\n2\r\n")],
        &[("a", R, b"1\r\nx\r\n3\n")],
    ),
    (
        "no newline",
        &[("a", R, b"1\n2"), ("b", R, b"1")],
        &[("a", R, b"1\n3"), ("b", R, b"1\n")],
    ),
    (
        "blanks",
        &[("a b c", R, b"1\n")],
        &[("a b c", R, b"2\n"), (" x ", R, b"3\n")],
    ),
    (
        "quotes",
        &[("t\u{fc}r", R, b"1\n")],
        &[("t\u{fc}r", R, b"2\n"), ("q\"\\\t", R, b"3\n")],
    ),
    (
        "bytes",
        &[("a", R, b"\xff\r\x0b\n")],
        &[("a", R, b"\xfe\n\x1b[2J\n")],
    ),
];

#[test]
fn what_git_diff_prints_gives_what_git_has() {
    let options: [&[&str]; 6] = [
        &[],
        &["--no-renames"],
        &["--no-prefix"],
        &["-M", "-C", "--find-copies-harder"],
        &["-U0"],
        &["--src-prefix=old/", "--dst-prefix=new/"],
    ];
    for (name, before, after) in CHANGES {
        for options in options {
            let patch = real_diff(before, after, options);
            let proposal = read_patch(&patch)
                .unwrap_or_else(|e| panic!("{name} {options:?}: {e}\n{}", lossy(&patch)));
            let draft = draft(&proposal, &tree(before)).unwrap();
            assert_eq!(draft.failures, [], "{name} {options:?}\n{}", lossy(&patch));
            let mut wanted: Vec<_> = after
                .iter()
                .map(|(p, m, c)| ((*p).to_owned(), *m, c.to_vec()))
                .collect();
            wanted.sort();
            assert_eq!(result(before, &draft.changes), wanted, "{name} {options:?}");
            assert_preview_applies(before, &draft.changes);
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `git apply` takes the preview, and makes of the base what the change set says.
fn assert_preview_applies(before: Files<'_>, changes: &ChangeSet) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), before);
    let preview = render_patch(changes, usize::MAX);
    let (ok, _, errors) = run(folder.path(), "git", &["apply", "-p1"], &preview);
    assert!(ok, "{errors}\n{}", lossy(&preview));
    for file in &changes.files {
        let found = std::fs::read(folder.path().join(&file.path)).ok();
        let wanted = file.after.as_ref().map(|state| state.bytes().to_vec());
        assert_eq!(found, wanted, "{}\n{}", file.path, lossy(&preview));
    }
}

#[test]
fn a_rename_is_a_delete_and_an_add() {
    let patch = real_diff(
        &[("a", R, b"1\n2\n3\n")],
        &[("b", R, b"1\n2\n3\n")],
        &["-M"],
    );
    assert!(lossy(&patch).contains("rename from a"));
    let draft = draft(
        &read_patch(&patch).unwrap(),
        &tree(&[("a", R, b"1\n2\n3\n")]),
    )
    .unwrap();
    let [gone, come] = draft.changes.files.as_slice() else {
        panic!("{:?}", draft.changes)
    };
    assert_eq!(
        (gone.path.as_str(), gone.letter(), gone.lines.removed),
        ("a", 'D', 3)
    );
    assert_eq!(
        (come.path.as_str(), come.letter(), come.lines.added),
        ("b", 'A', 3)
    );
    assert_eq!(come.renamed_from.as_deref(), Some("a"));
}

#[test]
fn a_file_that_becomes_a_link_is_one_change_for_the_policy() {
    let before: Files<'_> = &[("a", R, b"1\n")];
    let patch = real_diff(before, &[("a", FileMode::Symlink, b"/etc/passwd")], &[]);
    let draft = draft(&read_patch(&patch).unwrap(), &tree(before)).unwrap();
    assert_eq!(draft.failures, []);
    let [file] = draft.changes.files.as_slice() else {
        panic!("{:?}", draft.changes)
    };
    assert_eq!(file.after.as_ref().unwrap().mode, FileMode::Symlink);
    assert_eq!(file.after.as_ref().unwrap().bytes(), b"/etc/passwd");
}

#[test]
fn a_binary_change_reaches_the_policy_as_binary() {
    let before: Files<'_> = &[("a", R, b"1\n")];
    for options in [&["--binary"][..], &[]] {
        let patch = real_diff(before, &[("a", R, b"\0\x01\x02"), ("b", R, b"\0")], options);
        let draft = draft(&read_patch(&patch).unwrap(), &tree(before)).unwrap();
        assert_eq!(draft.failures, [], "{options:?}");
        assert_eq!(draft.changes.files.len(), 2);
        for file in &draft.changes.files {
            assert!(file.after.as_ref().unwrap().bytes().contains(&0));
        }
    }
}

#[test]
fn a_failing_hunk_is_shown_with_its_context() {
    let base = MemoryTree::with(&[(
        "src/a.py",
        "import os\n\n\ndef add(a, b):\n    return a + b\n",
    )]);
    let patch = b"--- a/src/a.py\n+++ b/src/a.py\n@@ -2,4 +2,4 @@ import os\n \n \n def add(a, b):\n-\treturn a+b\n+    return b + a\n";
    let draft = draft(&read_patch(patch).unwrap(), &base).unwrap();
    insta::assert_debug_snapshot!(draft.failures, @r#"
    [
        ApplyFailure {
            path: "src/a.py",
            message: "the hunk does not match the base commit at line 2",
            hint: "make the patch again on the base commit",
            detail: [
                "line 3 of the patch: @@ -2,4 +2,4 @@ import os",
                "     2",
                "     3",
                "     4            def add(a, b):",
                "     5  expected  \\treturn a+b",
                "     5  base has      return a + b",
            ],
        },
    ]
    "#);
    let file = &draft.changes.files[0];
    assert_eq!((file.lines.added, file.lines.removed), (1, 1));
    assert!(
        file.after
            .as_ref()
            .unwrap()
            .bytes()
            .ends_with(b"    return b + a\n")
    );
}

#[test]
fn lines_found_elsewhere_are_reported_and_never_moved() {
    let base = MemoryTree::with(&[("x", "0\na\nb\n0\n0\na\nb\n")]);
    let patch = b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";
    let draft = draft(&read_patch(patch).unwrap(), &base).unwrap();
    assert_eq!(draft.failures.len(), 1);
    assert!(
        draft.failures[0]
            .hint
            .starts_with("the same lines are at 2, 6;"),
        "{:?}",
        draft.failures
    );
}

#[test]
fn a_patch_with_other_line_ends_is_told_so() {
    let base = MemoryTree::with(&[("x", "a\nb\n")]);
    let patch = b"--- a/x\r\n+++ b/x\r\n@@ -1,2 +1,2 @@\r\n a\r\n-b\r\n+c\r\n";
    let draft = draft(&read_patch(patch).unwrap(), &base).unwrap();
    assert!(
        draft.failures[0].hint.contains("line ends differ"),
        "{:?}",
        draft.failures
    );
}

#[test]
fn what_does_not_fit_the_base_fails() {
    let base = MemoryTree::with(&[("x", "a\nb\nc"), ("d/y", "1\n")]);
    let table: [(&str, &str); 10] = [
        ("--- a/n\n+++ b/n\n@@ -1 +1 @@\n-a\n+b\n", "no such file"),
        (
            "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+b\n",
            "already there",
        ),
        ("--- /dev/null\n+++ b/d\n@@ -0,0 +1 @@\n+b\n", "directory"),
        (
            "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
            "all of its lines",
        ),
        (
            "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+z\n\\ No newline at end of file\n",
            "middle of the file",
        ),
        (
            "--- a/x\n+++ b/x\n@@ -3,0 +4 @@\n+z\n",
            "middle of the file",
        ),
        ("--- a/x\n+++ b/x\n@@ -3 +3 @@\n-c\n+z\n", "does not match"),
        ("--- a/x\n+++ b/x\n@@ -9,0 +9 @@\n+z\n", "does not match"),
        (
            "diff --git a/x b/x\nold mode 100755\nnew mode 100644\n",
            "expects mode 100755",
        ),
        (
            "diff --git a/x b/d/y\nrename from x\nrename to d/y\n",
            "already there",
        ),
    ];
    for (patch, message) in table {
        let draft = draft(&read_patch(patch.as_bytes()).unwrap(), &base).unwrap();
        let all: Vec<_> = draft.failures.iter().map(|f| f.message.as_str()).collect();
        assert!(
            all.iter().any(|m| m.contains(message)),
            "{patch:?}: {all:?}"
        );
        assert!(!draft.changes.files.is_empty(), "{patch:?}");
    }
}

fn draft_of(json: &str, base: &MemoryTree) -> Draft {
    draft(&read_proposal(json.as_bytes()).unwrap(), base).unwrap()
}

fn edits(json: &str) -> String {
    format!("{{\"schema\":1,\"edits\":[{json}]}}")
}

#[test]
fn edits_do_what_they_say() {
    let mut base = MemoryTree::with(&[("a", "one\ntwo\n"), ("b", "b\n")]);
    base.put("x", X, b"#!\n");
    let draft = draft_of(
        &edits(
            r#"{"path":"a","op":"replace","find":"one","with":"1"},
               {"path":"a","op":"replace","find":"two\n","with":""},
               {"path":"x","op":"write","content":"new\n"},
               {"path":"./odd//path","op":"write","content":"","mode":"100755"},
               {"path":"b","op":"rename","to":"c","mode":"100755","content":null}"#,
        ),
        &base,
    );
    assert_eq!(draft.failures, []);
    let shown: Vec<_> = draft
        .changes
        .files
        .iter()
        .map(|f| {
            (
                f.path.as_str(),
                f.letter(),
                f.after.as_ref().map(|s| (s.mode, lossy(s.bytes()))),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("a", 'M', Some((R, "1\n".to_owned()))),
            ("x", 'M', Some((X, "new\n".to_owned()))),
            ("./odd//path", 'A', Some((X, String::new()))),
            ("b", 'D', None),
            ("c", 'A', Some((X, "b\n".to_owned()))),
        ]
    );
}

#[test]
fn a_text_to_replace_must_occur_exactly_once() {
    let base = MemoryTree::with(&[("a", "def f():\n    return  1\naaa\n")]);
    let failure = |find: &str| {
        let find = serde_json::to_string(find).unwrap();
        let json = edits(&format!(
            r#"{{"path":"a","op":"replace","find":{find},"with":"x\ny"}}"#
        ));
        let draft = draft_of(&json, &base);
        assert_eq!(draft.changes.files[0].lines.added, 2);
        draft.failures[0].clone()
    };
    assert_eq!(failure("aa").message, "the text to replace occurs 2 times");
    let near = failure("def f():\n    return 1\n");
    assert_eq!(near.message, "the text to replace occurs 0 times");
    assert!(near.detail[1].contains("line 1"), "{near:?}");
    let near = failure("\treturn  1");
    assert!(
        near.detail[1].contains("only white space differs, at line 2"),
        "{near:?}"
    );
    let near = failure("return two, 1");
    assert!(near.detail.iter().any(|d| d.contains("line 2")), "{near:?}");
}

#[test]
fn one_failing_edit_does_not_hide_the_next() {
    let base = MemoryTree::with(&[("a", "one\ntwo\n")]);
    let draft = draft_of(
        &edits(
            r#"{"path":"a","op":"replace","find":"zero","with":"AKIA"},
               {"path":"a","op":"replace","find":"two","with":"2"}"#,
        ),
        &base,
    );
    assert_eq!(draft.failures.len(), 1, "{:?}", draft.failures);
    let file = &draft.changes.files[0];
    assert_eq!(lossy(file.after.as_ref().unwrap().bytes()), "one\n2\nAKIA");
    assert_eq!((file.lines.added, file.lines.removed), (2, 2));
}

#[test]
fn edits_that_do_not_fit_fail_and_stay_visible() {
    let base = MemoryTree::with(&[("d/a", "a\n")]);
    for (edit, message) in [
        (r#"{"path":"n","op":"delete"}"#, "no such file"),
        (
            r#"{"path":"n","op":"chmod","mode":"100755"}"#,
            "no such file",
        ),
        (r#"{"path":"n","op":"rename","to":"m"}"#, "no such file"),
        (
            r#"{"path":"n","op":"replace","find":"a","with":"b"}"#,
            "no such file",
        ),
        (r#"{"path":"d","op":"write","content":"x"}"#, "directory"),
        (r#"{"path":"d","op":"delete"}"#, "directory"),
        (
            r#"{"path":"d/a","op":"write","content":"a\n"}"#,
            "leaves the file as it is",
        ),
    ] {
        let draft = draft_of(&edits(edit), &base);
        assert!(
            draft.failures[0].message.contains(message),
            "{edit}: {:?}",
            draft.failures
        );
    }
}

#[test]
fn every_proposal_of_the_hostile_catalogue_reaches_the_gate_as_written() {
    let catalogue = include_str!("../../tests/data/bypasses.jsonl");
    let mut count = 0;
    for line in catalogue.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let Some(files) = case.pointer("/input/files").and_then(|f| f.as_array()) else {
            continue;
        };
        let mut edits = files.clone();
        for edit in &mut edits {
            // Remarks of the catalogue are no part of its proposals.
            edit.as_object_mut().unwrap().remove("note");
        }
        let json = serde_json::json!({"schema": 1, "edits": edits}).to_string();
        let draft = draft_of(&json, &MemoryTree::with(&[("a.py", "old\n")]));
        for file in files {
            let path = file["path"].as_str().unwrap();
            assert!(draft.changes.files.iter().any(|f| f.path == path), "{line}");
        }
        count += 1;
    }
    assert!(count > 80, "{count}");
}

#[test]
fn a_proposal_that_cannot_be_read_names_place_and_way_out() {
    let table = [
        ("", "empty"),
        ("[]", "not a JSON object"),
        (r#"{"schema":2,"patch":""}"#, "schema 2"),
        (r#"{"schema":1}"#, "exactly one"),
        (r#"{"schema":1,"edits":[],"patch":""}"#, "exactly one"),
        (r#"{"schema":1,"edits":[]}"#, "empty"),
        (r#"{"schema":1,"edits":[],"x":1}"#, "unknown field"),
        (
            r#"{"schema":1,"goal":"a","goal":"b","edits":[]}"#,
            "duplicate field",
        ),
        (
            r#"{"schema":1,"verify":[[]],"edits":[{"path":"a","op":"delete"}]}"#,
            "no program",
        ),
        (&edits(r#"{"path":"a","op":"write"}"#), "no `content`"),
        (
            &edits(r#"{"path":"a","op":"write","content":"","mode":"777"}"#),
            "unknown mode",
        ),
        (
            &edits(r#"{"path":"a","op":"write","content":"","to":"b"}"#),
            "does not take",
        ),
        (
            &edits(r#"{"path":"a","op":"move","to":"b"}"#),
            "unknown variant",
        ),
        (
            &edits(r#"{"path":"a","op":"replace","find":"","with":"b"}"#),
            "no `find`",
        ),
        (
            &edits(r#"{"path":"a","op":"delete"},{"path":"a","op":"write","content":""}"#),
            "contradictory",
        ),
        (
            &edits(
                r#"{"path":"a","op":"rename","to":"b"},{"path":"a","op":"chmod","mode":"100644"}"#,
            ),
            "contradictory",
        ),
    ];
    for (json, message) in table {
        let error = read_proposal(json.as_bytes()).expect_err(json);
        assert!(error.message.contains(message), "{json}: {error}");
        assert!(!error.hint.is_empty());
    }
    let error = read_proposal(b"{\n \"schema\": 1,\n \"x\": 2 }").expect_err("unknown field");
    assert_eq!((error.line, error.column), (Some(3), Some(4)), "{error}");
    let deep = "[".repeat(100_000);
    assert!(read_proposal(deep.as_bytes()).is_err());
}

#[test]
fn a_cut_preview_says_what_is_missing() {
    let base = MemoryTree::default();
    let json = edits(
        r#"{"path":"a","op":"write","content":"1\n2\n"},{"path":"b","op":"write","content":"1\n"}"#,
    );
    let draft = draft_of(&json, &base);
    let whole = lossy(&render_patch(&draft.changes, 10_000));
    assert!(!whole.contains("# preview"));
    let cut = lossy(&render_patch(&draft.changes, whole.len() - 1));
    let last = cut.lines().last().unwrap();
    assert_eq!(
        last,
        format!(
            "# preview cut at {} bytes: 1 file not shown or not shown in full",
            whole.len() - 1
        )
    );
    assert!(
        cut.lines()
            .all(|line| line.starts_with('#') || whole.contains(line))
    );
}

fn plan_of(json: &str, request: &str, base: &MemoryTree) -> crate::model::Plan {
    let proposal = read_proposal(json.as_bytes()).unwrap();
    let draft = draft(&proposal, base).unwrap();
    assert_eq!(draft.failures, []);
    let inputs = PlanInputs {
        request,
        proposal: &proposal,
        changes: &draft.changes,
        topic: Topic::parse("t").unwrap(),
        verification: verification(base, None, &proposal.verify).unwrap(),
        policy_risks: vec![Risk {
            id: "large_change".to_owned(),
            subject: "change".to_owned(),
            detail: "x".to_owned(),
        }],
    };
    make(inputs, base).unwrap()
}

fn project() -> MemoryTree {
    MemoryTree::with(&[
        (
            "src/calc.py",
            "import os\n\n\ndef add(a, b):\n    return a - b\n\n\ndef sub(a, b):\n    return a - b\n",
        ),
        ("src/main.py", "from calc import add\n"),
        ("src/api_key.py", "from calc import add\n"),
        ("src/other.py", "x = 1\n"),
        ("tests/test_calc.py", "from calc import add\n"),
        ("tests/unit/deep_test.py", "import calc\n"),
        ("docs/guide.md", "Use `src/calc.py`.\n"),
        ("docs/old.md", "nothing\n"),
        ("CHANGELOG.md", "# Changes\n"),
        ("setup.sh", "true\n"),
    ])
}

#[test]
fn the_plan_names_facts_about_every_file() {
    let base = project();
    let json = r##"{"schema":1,"goal":"Fix add","risks":["rounding"," "],"verify":[["ruff","check"]],"edits":[
        {"path":"src/calc.py","op":"replace","find":"    return a - b\n\n\ndef sub(a, b):\n    return a - b\n","with":"    return a + b\n"},
        {"path":"tests/test_new.py","op":"write","content":"def test_x(): pass\n"},
        {"path":"CHANGELOG.md","op":"write","content":"# Changes\n- fixed\n"},
        {"path":"src/other.py","op":"delete"},
        {"path":"docs/old.md","op":"rename","to":"docs/new.md"},
        {"path":"setup.sh","op":"chmod","mode":"100755"}]}"##;
    let plan = plan_of(json, "Please fix calc.py.", &base);
    let whys: Vec<_> = plan
        .files
        .iter()
        .map(|f| format!("{} {}: {}", f.letter, f.path, f.why))
        .collect();
    insta::assert_debug_snapshot!(whys, @r#"
    [
        "M src/calc.py: edits function `add`; named in the request",
        "A tests/test_new.py: new test",
        "M CHANGELOG.md: edits the changelog",
        "D src/other.py: deletes the module",
        "D docs/old.md: moved to docs/new.md",
        "A docs/new.md: moved from docs/old.md",
        "M setup.sh: makes it executable",
    ]
    "#);
    let relevant: Vec<_> = plan
        .relevant
        .iter()
        .map(|f| format!("{}: {}", f.path, f.reason))
        .collect();
    insta::assert_debug_snapshot!(relevant, @r#"
    [
        "tests/test_calc.py: tests of src/calc.py, by name",
        "tests/unit/deep_test.py: imports src/calc.py (line 1)",
        "src/main.py: imports src/calc.py (line 1)",
        "docs/guide.md: mentions src/calc.py (line 1)",
    ]
    "#);
    let risks: Vec<_> = plan
        .risks
        .iter()
        .map(|r| format!("{} {}: {}", r.id, r.subject, r.detail))
        .collect();
    insta::assert_debug_snapshot!(risks, @r#"
    [
        "large_change change: x",
        "public_names_removed src/calc.py: no longer defines `sub`",
        "files_deleted src/other.py: deletes src/other.py (1 line, 6 bytes)",
        "files_deleted docs/old.md: moves docs/old.md to docs/new.md",
        "proposer_note proposal: rounding",
    ]
    "#);
    assert_eq!(plan.verification.len(), 2);
}

#[test]
fn the_scan_of_a_large_tree_stays_small() {
    let mut files = vec![("src/pkg/calc.py".to_owned(), "def add(): pass\n".to_owned())];
    for i in 0..3000 {
        files.push((
            format!("vendor/d{}/f{i}.py", i % 100),
            "import calc\n".to_owned(),
        ));
        files.push((
            format!("tests/d{}/test_{i}.py", i % 100),
            "import calc\n".to_owned(),
        ));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(p, c)| (p.as_str(), c.as_str()))
        .collect();
    let base = MemoryTree::with(&files);
    let plan = plan_of(
        &edits(r#"{"path":"src/pkg/calc.py","op":"write","content":"x\n"}"#),
        "",
        &base,
    );
    assert_eq!(plan.relevant.len(), 12);
    assert!(
        base.listed.get() <= 260,
        "{} folders listed",
        base.listed.get()
    );
    assert!(
        base.blobs_read.get() <= 2010,
        "{} blobs read",
        base.blobs_read.get()
    );
}

/// Texts with few different lines, so that hunks are close and ambiguous.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        "[ab]?\r?\n",
        "[-+ @\\\\]{0,3}\n",
        "\r",
        "-- \n",
        "\\PC{0,5}\n"
    ];
    (proptest::collection::vec(line, 0..25), "[ab]?")
        .prop_map(|(lines, last)| (lines.concat() + &last).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_real_diff_of_any_texts_gives_the_new_bytes(old in text(), new in text(), unified in 0..4_usize) {
        prop_assume!(old != new);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        write(dir, &[("a/f", R, &old), ("b/f", R, &new)]);
        let context = format!("-U{unified}");
        let by_git = run(dir, "git", &["diff", "--no-index", "--no-prefix", &context, "a/f", "b/f"], b"").1;
        let by_diff = run(dir, "diff", &["-a", &context, "a/f", "b/f"], b"").1;
        let base = tree(&[("f", R, &old)]);
        for patch in [by_git, by_diff] {
            let draft = draft(&read_patch(&patch).unwrap(), &base).unwrap();
            prop_assert_eq!(&draft.failures, &[], "{}", lossy(&patch));
            let [file] = draft.changes.files.as_slice() else {
                return Err(TestCaseError::fail("one file"));
            };
            prop_assert_eq!(file.after.as_ref().unwrap().bytes(), new.as_slice());
            assert_preview_applies(&[("f", R, &old)], &draft.changes);
        }
    }
}

#[test]
fn a_proposal_that_is_no_object_is_refused_in_the_users_words() {
    let list = br#"[1, "goal", null, [{"path": "a", "op": "delete"}], null, null, null]"#;
    let edit = br#"{"schema": 1, "edits": [["a", "delete", null, null, null, null, null]]}"#;
    let table: [(&[u8], &str); 5] = [
        (list, "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe{\0}\0", "UTF-16"),
        (edit, "expected an object"),
    ];
    for (bytes, said) in table {
        let error = super::read_proposal(bytes).expect_err("must be refused");
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.to_string().contains("Raw"), "{error}");
    }
}
