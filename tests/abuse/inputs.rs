//! Tables of hostile inputs through the real program: a clear error with a hint, the right exit
//! code, nothing left behind.

use crate::environment::Environment;

/// Something that a person or a program could hand to milton.
struct Input {
    name: &'static str,
    bytes: Vec<u8>,
    /// The exit code of `milton check`; the one of `milton run` is 23 where this is 2.
    code: i32,
}

fn input(name: &'static str, bytes: impl Into<Vec<u8>>) -> Input {
    Input {
        name,
        bytes: bytes.into(),
        code: 2,
    }
}

fn blocked(name: &'static str, bytes: impl Into<Vec<u8>>) -> Input {
    Input {
        code: 20,
        ..input(name, bytes)
    }
}

fn utf_16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// Bytes of every value in an order that repeats late.
fn noise(length: usize) -> Vec<u8> {
    let byte = |i: usize| u8::try_from((i * i / 7 + i * 31) % 256).unwrap();
    (0..length).map(byte).collect()
}

const PATCH: &str = "--- a/calc.py\n+++ b/calc.py\n@@ -1,2 +1,2 @@\n-def add(a, b):\n+def add(b, a):\n     return a + b\n";

fn patches() -> Vec<Input> {
    let hunk = "@@ -1 +1 @@\n-\n+\n";
    let header = "--- a/calc.py\n+++ b/calc.py\n";
    let sections: String = (0..5_000)
        .map(|n| format!("--- /dev/null\n+++ b/f{n}\n@@ -0,0 +1 @@\n+x\n"))
        .collect();
    vec![
        input("nothing", ""),
        input("white space", " \n\t\n"),
        input("prose", "please change the calculator\n"),
        input("noise", noise(100_000)),
        input("NULs", vec![0; 100_000]),
        input(
            "not UTF-8 in a name",
            b"--- a/\xff\n+++ b/\xff\n@@ -1 +1 @@\n-a\n+b\n".to_vec(),
        ),
        input("UTF-16", utf_16(PATCH)),
        input("gzip", [b"\x1f\x8b\x08\x00".to_vec(), noise(2000)].concat()),
        input("truncated in a hunk", &PATCH[..PATCH.len() - 30]),
        input("truncated in a header", "diff --git a/x"),
        input("a hunk without a file", hunk),
        input(
            "counts out of range",
            format!("{header}@@ -1 +18446744073709551616 @@\n+x\n"),
        ),
        input(
            "counts that wrap",
            format!("{header}@@ -18446744073709551615,2 +1 @@\n-x\n-y\n+z\n"),
        ),
        input("negative counts", format!("{header}@@ --1 +1 @@\n-x\n+y\n")),
        input(
            "more lines than promised",
            format!("{header}@@ -1 +1 @@\n-a\n+b\n+c\n"),
        ),
        input(
            "fewer lines than promised",
            format!("{header}@@ -1 +1,999999999 @@\n-a\n+b\n"),
        ),
        input(
            "a million hunks over each other",
            format!("{header}{}", hunk.repeat(1_000_000)),
        ),
        blocked(
            "NUL in a name",
            "--- a/x\0y\n+++ b/x\0y\n@@ -1 +1 @@\n-a\n+b\n",
        ),
        input(
            "a name in broken quotes",
            "diff --git \"a/\\777\" \"b/\\777\"\nnew file mode 100644\n",
        ),
        input(
            "coloured",
            "\x1b[1mdiff --git a/x b/x\x1b[m\n\x1b[31m-a\x1b[m\n",
        ),
        input(
            "a combined diff",
            "diff --cc x\n@@@ -1,1 -1,1 +1,1 @@@\n- a\n -b\n++c\n",
        ),
        input(
            "a mode of no file",
            "diff --git a/x b/x\nold mode 100644\nnew mode 777777\n",
        ),
        blocked("five thousand files", sections),
        blocked(
            "one line of 100 MB",
            [
                b"--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+".to_vec(),
                vec![b'x'; 100 << 20],
            ]
            .concat(),
        ),
        blocked(
            "one line of 1 MB",
            [
                b"--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+".to_vec(),
                vec![b'x'; 1 << 20],
                b"\n".to_vec(),
            ]
            .concat(),
        ),
        blocked(
            "a very deep path",
            format!(
                "--- /dev/null\n+++ b/{}x\n@@ -0,0 +1 @@\n+x\n",
                "d/".repeat(20_000)
            ),
        ),
        blocked(
            "a YAML bomb",
            format!(
                "--- /dev/null\n+++ b/compose.yaml\n@@ -0,0 +1,10 @@\n{}",
                yaml_bomb()
            ),
        ),
    ]
}

/// Nine levels of ten references each: a billion strings for who expands them.
fn yaml_bomb() -> String {
    let mut lines = vec!["+a0: &a0 [x,x,x,x,x,x,x,x,x,x]".to_owned()];
    for level in 1..9 {
        let references = vec![format!("*a{}", level - 1); 10].join(",");
        lines.push(format!("+a{level}: &a{level} [{references}]"));
    }
    lines.push("+services: {web: {ports: *a8}}".to_owned());
    lines.join("\n") + "\n"
}

fn proposals() -> Vec<Input> {
    let of = |rest: &str| format!("{{\"schema\":1,{rest}}}");
    let edit = "{\"path\":\"a\",\"op\":\"write\",\"content\":\"x\"}";
    vec![
        input("nothing", ""),
        input("noise", noise(100_000)),
        input("NULs", vec![0; 1000]),
        input(
            "a byte order mark",
            format!("\u{feff}{}", of(&format!("\"edits\":[{edit}]"))),
        ),
        input("UTF-16", utf_16(&of(&format!("\"edits\":[{edit}]")))),
        input(
            "not UTF-8",
            b"{\"schema\":1,\"goal\":\"\xff\",\"edits\":[]}".to_vec(),
        ),
        input("a list", "[1]"),
        input("a string", "\"schema\""),
        input("truncated", "{\"schema\":1,\"edits\":[{\"path\":\"a\""),
        input(
            "two documents",
            format!("{0}{0}", of(&format!("\"edits\":[{edit}]"))),
        ),
        input(
            "a key twice",
            of(&format!("\"schema\":1,\"edits\":[{edit}]")),
        ),
        input(
            "a key of an edit twice",
            of("\"edits\":[{\"path\":\"a\",\"path\":\"b\",\"op\":\"delete\"}]"),
        ),
        input(
            "an unknown key",
            of(&format!("\"edits\":[{edit}],\"overrides\":1")),
        ),
        input("neither edits nor patch", of("\"goal\":\"x\"")),
        input(
            "both edits and patch",
            of(&format!("\"edits\":[{edit}],\"patch\":\"\"")),
        ),
        input(
            "lists in lists",
            of(&format!("\"edits\":{}", "[".repeat(100_000))),
        ),
        input(
            "objects in objects",
            of(&format!("\"edits\":{}", "{\"a\":".repeat(100_000))),
        ),
        input(
            "whole nesting",
            format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        ),
        input(
            "a number out of range",
            "{\"schema\":99999999999999999999,\"edits\":[]}",
        ),
        input("a number beyond numbers", "{\"schema\":1e400,\"edits\":[]}"),
        input("a negative number", "{\"schema\":-1,\"edits\":[]}"),
        input("half a number", "{\"schema\":1.5,\"edits\":[]}"),
        input("another schema", "{\"schema\":2,\"edits\":[]}"),
        input("half a surrogate", of("\"goal\":\"\\ud800\",\"edits\":[]")),
        input("nulls", of("\"edits\":null,\"patch\":null")),
        input("no edits", of("\"edits\":[]")),
        input(
            "too many edits",
            of(&format!("\"edits\":[{}]", vec![edit; 20_000].join(","))),
        ),
        input(
            "too many commands",
            of(&format!(
                "\"edits\":[{edit}],\"verify\":[{}]",
                vec!["[\"pytest\"]"; 1000].join(",")
            )),
        ),
        input(
            "an empty command",
            of(&format!("\"edits\":[{edit}],\"verify\":[[]]")),
        ),
        input(
            "a mode that is none",
            of("\"edits\":[{\"path\":\"a\",\"op\":\"write\",\"content\":\"x\",\"mode\":\"rwx\"}]"),
        ),
        input("comments", "{/* x */\"schema\":1}"),
        blocked(
            "100 MB in a string",
            [
                b"{\"schema\":1,\"goal\":\"".to_vec(),
                vec![b'x'; 100 << 20],
                b"\"}".to_vec(),
            ]
            .concat(),
        ),
        blocked(
            "a NUL in a path",
            of("\"edits\":[{\"path\":\"a\\u0000b\",\"op\":\"write\",\"content\":\"x\"}]"),
        ),
        blocked(
            "a command of 100,000 words",
            of(&format!(
                "\"edits\":[{edit}],\"verify\":[[\"pytest\"{}]]",
                ",\"a\"".repeat(100_000)
            )),
        ),
    ]
}

/// Gives every input to `check` and to `run`; lists all that end otherwise than they should.
fn through_the_program(kind: &str, inputs: Vec<Input>) {
    let place = Environment::with_project();
    let mut wrong = Vec::new();
    for Input { name, bytes, code } in inputs {
        let checked = place.milton_with_input(&["check", kind, "-"], &bytes);
        let clear = match code {
            2 => {
                let hint = checked.err.lines().find(|line| line.starts_with("hint: "));
                hint.is_some_and(|hint| hint.len() > 10) && checked.err.len() < 3000
            }
            _ => checked.out.contains("what to do:") && checked.out.len() < 200_000,
        };
        if checked.code != code || !clear {
            let (out, err) = (cut(&checked.out), cut(&checked.err));
            wrong.push(format!(
                "check, {name}: {} instead of {code}: {out} {err}",
                checked.code
            ));
        }
        let run = [
            "run",
            "Change it",
            kind,
            "-",
            "--format",
            "json",
            "--test",
            "true",
        ];
        let ran = place.milton_with_input(&run, &bytes);
        let expected = if code == 2 { 23 } else { code };
        if ran.code != expected {
            let (out, err) = (cut(&ran.out), cut(&ran.err));
            wrong.push(format!(
                "run, {name}: {} instead of {expected}: {out} {err}",
                ran.code
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let branches = place.git(&["for-each-ref", "--format=%(refname)"]);
    assert_eq!(branches, "refs/heads/main", "nothing hostile leaves a ref");
}

fn cut(text: &str) -> String {
    text.chars().take(600).collect()
}

#[test]
fn hostile_patches_end_in_a_clear_error() {
    through_the_program("--patch", patches());
}

#[test]
fn hostile_proposals_end_in_a_clear_error() {
    through_the_program("--proposal", proposals());
}

#[test]
fn a_hostile_repository_policy_refuses_everything() {
    let place = Environment::with_project();
    for (name, bytes) in [
        ("noise", noise(10_000)),
        ("NULs", vec![0; 1000]),
        ("not UTF-8", b"[paths]\n# \xff\n".to_vec()),
        ("UTF-16", utf_16("[limits]\nmax_files = 1\n")),
        (
            "nested",
            format!("a = {}", "[".repeat(100_000)).into_bytes(),
        ),
        (
            "nested tables",
            format!("a = {}", "{a=".repeat(100_000)).into_bytes(),
        ),
        (
            "dotted",
            format!("{}a = 1", "a.".repeat(100_000)).into_bytes(),
        ),
        (
            "a long line",
            [b"# ".to_vec(), vec![b'x'; 2 << 20], b"\nx".to_vec()].concat(),
        ),
        (
            "a key twice",
            b"[limits]\nmax_files = 1\nmax_files = 2\n".to_vec(),
        ),
        (
            "out of range",
            b"[limits]\nmax_files = 99999999999999999999\n".to_vec(),
        ),
        (
            "a glob of stars",
            format!("[paths]\nforbid = [\"{}\"]\n", "[".repeat(5000)).into_bytes(),
        ),
        (
            "a glob of braces",
            format!("[paths]\nforbid = [\"{}\"]\n", "{a,".repeat(5000)).into_bytes(),
        ),
        (
            "a million rules",
            "[[path]]\nid = \"a\"\n".repeat(100_000).into_bytes(),
        ),
    ] {
        let file = place.repo().join(".milton/policy.toml");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, bytes).unwrap();
        place.commit(name);
        let called = place.milton(&["check", "--format", "json", "--path", "README.md"]);
        assert_eq!(
            called.code,
            20,
            "{name}: {}{}",
            cut(&called.out),
            cut(&called.err)
        );
        assert_eq!(called.rules(), ["policy.invalid"], "{name}");
        assert!(
            called.out.len() < 5000,
            "{name}: {} bytes",
            called.out.len()
        );
    }
}

#[test]
fn a_users_policy_that_cannot_be_read_is_exit_2() {
    let place = Environment::with_project();
    let file = place.home().join(".config/milton/policy.toml");
    std::fs::create_dir_all(&file).unwrap();
    let called = place.milton(&["check", "--path", "a"]);
    assert_eq!(called.code, 2, "{}", called.out);
    std::fs::remove_dir(&file).unwrap();
    std::fs::write(&file, b"\xff\xfe").unwrap();
    let called = place.milton(&["check", "--path", "a"]);
    assert_eq!(called.code, 2, "{}", called.out);
    assert!(called.err.contains("hint: "), "{}", called.err);
}

#[test]
fn a_hostile_report_is_no_pass() {
    let place = Environment::with_project();
    let bomb = {
        let mut entities = "<!ENTITY a0 \"x\">".to_owned();
        for level in 1..10 {
            let references = format!("&a{};", level - 1).repeat(10);
            entities = format!("{entities}<!ENTITY a{level} \"{references}\">");
        }
        format!("<!DOCTYPE x [{entities}]><testsuite><testcase name=\"&a9;\"/></testsuite>")
    };
    let case = "<testcase name=\"a\"/>";
    for (name, report) in [
        ("an XML bomb", bomb.into_bytes()),
        ("nested", "<testsuite>".repeat(100_000).into_bytes()),
        ("truncated", format!("<testsuite>{case}").into_bytes()),
        ("noise", noise(50_000)),
        ("NULs", vec![0; 1000]),
        ("UTF-16", utf_16(&format!("<testsuite>{case}</testsuite>"))),
        (
            "an outside entity",
            format!("<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><testsuite>{case}</testsuite>")
                .into_bytes(),
        ),
        (
            "attributes",
            format!(
                "<testsuite {}>{case}</testsuite>",
                "a=\"b\" ".repeat(100_000)
            )
            .into_bytes(),
        ),
        (
            "a lie",
            b"<testsuite tests=\"500\"><testcase name=\"a\"/></testsuite>".to_vec(),
        ),
        (
            "70 MB",
            [
                b"<testsuite><testcase name=\"".to_vec(),
                vec![b'x'; 70 << 20],
            ]
            .concat(),
        ),
    ] {
        std::fs::write(place.repo().join("forged"), report).unwrap();
        place.commit(name);
        let patch = "--- /dev/null\n+++ b/n.txt\n@@ -0,0 +1 @@\n+x\n";
        let test = "sh -c 'cat forged > \"$MILTON_JUNIT_XML\"'";
        let called = place.run_patch(patch, &["--test", test]);
        assert_eq!(
            called.code,
            21,
            "{name}: {}{}",
            cut(&called.out),
            cut(&called.err)
        );
        assert_eq!(called.verdict()["status"], "TEST_FAILURE", "{name}");
    }
}

#[test]
fn a_hostile_event_log_is_a_clear_error() {
    let place = Environment::with_project();
    let patch = "--- /dev/null\n+++ b/n.txt\n@@ -0,0 +1 @@\n+x\n";
    assert_eq!(place.run_patch(patch, &["--test", "true"]).code, 21);
    let log = place.newest_run().join("events.jsonl");
    let good = std::fs::read(&log).unwrap();
    let half = good.len() / 2;
    for (name, bytes) in [
        ("nothing", Vec::new()),
        ("noise", noise(100_000)),
        ("NULs", vec![0; 100_000]),
        ("half", good[..half].to_vec()),
        ("twice", [good.clone(), good.clone()].concat()),
        ("nested", [vec![b'['; 100_000], b"\n".to_vec()].concat()),
        (
            "a line of 20 MB",
            [vec![b' '; 20 << 20], b"\n".to_vec()].concat(),
        ),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf".to_vec(), good.clone()].concat(),
        ),
        ("a newer schema", b"{\"schema\":99}\n".to_vec()),
        (
            "a schema out of range",
            b"{\"schema\":99999999999999999999}\n".to_vec(),
        ),
        ("not UTF-8", b"{\"schema\":1,\"\xff\":1}\n".to_vec()),
    ] {
        std::fs::write(&log, bytes).unwrap();
        for arguments in [
            &["show", "latest"][..],
            &["show", "latest", "--format", "json"],
            &["abandon", "latest"],
        ] {
            let called = place.milton(arguments);
            let clear = called.err.starts_with("milton: ") && called.err.contains("hint: ");
            assert!(
                matches!(called.code, 1 | 2) && clear && called.err.len() < 3000,
                "{name}, {arguments:?}: {}: {}{}",
                called.code,
                cut(&called.out),
                cut(&called.err)
            );
        }
        let called = place.milton(&["list"]);
        assert_eq!(called.code, 0, "{name}: {}", called.err);
    }
    std::fs::write(&log, good).unwrap();
    assert_eq!(place.milton(&["show", "latest"]).code, 0);
}
