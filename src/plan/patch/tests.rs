//! The parser against what git and diff really print, and against what they never would.

use super::*;
use crate::plan::{Error, read_patch};

fn parse_str(text: &str) -> Result<Patch, Error> {
    parse(text.as_bytes())
}

fn refused(text: &str) -> (usize, String) {
    let error = parse_str(text).expect_err("must be refused");
    assert!(!error.hint.is_empty(), "no hint: {error}");
    (error.line.unwrap_or(0), error.message)
}

fn targets(text: &str) -> Vec<Target> {
    let patch = parse_str(text).unwrap_or_else(|e| panic!("{e} in\n{text}"));
    patch.files.into_iter().map(|file| file.target).collect()
}

const HUNK: &str = "@@ -1 +1 @@\n-a\n+b\n";

#[test]
fn names_are_read_in_every_spelling() {
    let table = [
        ("--- a/x y.py\t\n+++ b/x y.py\t\n", "x y.py"),
        (
            "--- x.py\t2024-01-01 10:00:00.5 +0100\n+++ x.py\t2024-01-01\n",
            "x.py",
        ),
        ("--- old/d/x.py\n+++ new/d/x.py\n", "d/x.py"),
        ("--- x.py.orig\n+++ x.py\n", "x.py"),
        ("--- a/x.py\r\n+++ b/x.py\r\n", "x.py"),
        ("diff --git x.py x.py\n--- x.py\n+++ x.py\n", "x.py"),
        ("diff --git a/x b/x\n--- a/x\n+++ b/x\n", "x"),
        ("diff --git i/x w/x\n--- i/x\n+++ w/x\n", "x"),
        (
            "diff --git \"a/t\\303\\274r \\\"q\\\"\" \"b/t\\303\\274r \\\"q\\\"\"\n--- \
             \"a/t\\303\\274r \\\"q\\\"\"\n+++ \"b/t\\303\\274r \\\"q\\\"\"\n",
            "tür \"q\"",
        ),
        ("\u{feff}diff --git a/x b/x\n--- a/x\n+++ b/x\n", "x"),
        ("--- a/../x\n+++ b/../x\n", "../x"),
        ("--- a//etc/x\n+++ b//etc/x\n", "/etc/x"),
    ];
    for (head, path) in table {
        let found = targets(&format!("{head}{HUNK}"));
        assert_eq!(found, [Target::Edit(path.to_owned())], "{head:?}");
    }
}

#[test]
fn a_missing_side_is_dev_null_or_the_epoch() {
    let create = "@@ -0,0 +1 @@\n+b\n";
    let delete = "@@ -1 +0,0 @@\n-b\n";
    let epoch = "\t1970-01-01 01:00:00.000000000 +0100";
    let x = || "x".to_owned();
    assert_eq!(
        targets(&format!("--- /dev/null\n+++ b/x\n{create}")),
        [Target::Create(x())]
    );
    assert_eq!(
        targets(&format!("--- a/x{epoch}\n+++ b/x\n{create}")),
        [Target::Create(x())]
    );
    assert_eq!(
        targets(&format!("--- a/x\n+++ /dev/null\n{delete}")),
        [Target::Delete(x())]
    );
    assert_eq!(
        targets(&format!("--- a/x\n+++ b/x{epoch}\n{delete}")),
        [Target::Delete(x())]
    );
}

#[test]
fn a_mail_around_the_patch_is_skipped() {
    let mail = "From 0123 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] x\n\nText.\n---\n x | 2 +-\n 1 \
                file changed\n\ndiff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 \
                @@\n-a\n+b\n-- \n2.43.0\n\n";
    assert_eq!(targets(mail), [Target::Edit("x".to_owned())]);
}

#[test]
fn counts_that_lie_are_refused_at_their_line() {
    let head = "--- a/x\n+++ b/x\n";
    let table = [
        ("@@ -1,2 +1 @@\n-a\n+b\n", 6, "ends inside"),
        ("@@ -1 +1 @@\n-a\n+b\n+c\n", 6, "more lines"),
        ("@@ -1 +1 @@\n-a\n+b\n c\n", 6, "more lines"),
        ("@@ -1 +1 @@\n-a\n-c\n+b\n", 5, "does not fit"),
        ("@@ -1,2 +1,2 @@\n-a\n+b\n?\n", 6, "does not fit"),
        ("@@ -1 +1 @@\n-a\n+b", 5, "middle of a line"),
        ("@@ -0 +1 @@\n-a\n+b\n", 3, "not a hunk header"),
        ("@@ -1 1 @@\n-a\n+b\n", 3, "not a hunk header"),
        ("@@ -9999999999 +1 @@\n-a\n+b\n", 3, "not a hunk header"),
        (
            "@@ -1 +1 @@\n\\ No newline at end of file\n",
            4,
            "does not fit",
        ),
        (
            "@@ -1,2 +1,2 @@\n-a\n\\ No newline\n-c\n",
            6,
            "does not fit",
        ),
    ];
    for (body, line, message) in table {
        let (found, text) = refused(&format!("{head}{body}"));
        assert_eq!(found, line, "{body:?}: {text}");
        assert!(text.contains(message), "{body:?}: {text}");
    }
}

#[test]
fn hunks_out_of_order_or_overlapping_are_refused() {
    let head = "--- a/x\n+++ b/x\n@@ -5,2 +5,2 @@\n-a\n+b\n c\n";
    for second in ["@@ -6 +6 @@\n-a\n+b\n", "@@ -1 +1 @@\n-a\n+b\n"] {
        let (line, message) = refused(&format!("{head}{second}"));
        assert_eq!((line, message.contains("overlaps")), (7, true));
    }
}

#[test]
fn a_file_listed_twice_is_contradictory() {
    let one = format!("--- a/x\n+++ b/x\n{HUNK}");
    let (line, message) = refused(&format!("{one}{one}"));
    assert_eq!(
        (line, message.contains("contradictory")),
        (6, true),
        "{message}"
    );
    let rename = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n";
    assert!(
        refused(&format!("{one}{rename}"))
            .1
            .contains("contradictory")
    );
}

#[test]
fn header_lines_that_contradict_each_other_are_refused() {
    let table = [
        "diff --git a/x b/y\n--- a/x\n+++ b/y\n",
        "diff --git a/x b/x\n--- a/z\n+++ b/z\n",
        "diff --git a/x b/x\nnew file mode 100644\n--- a/x\n+++ b/x\n",
        "diff --git a/x b/x\nold mode 100644\n--- a/x\n+++ b/x\n",
        "diff --git a/x b/x\nnew file mode 100644\ndeleted file mode 100644\n",
        "diff --git a/x b/y\nrename from x\n--- a/x\n+++ b/y\n",
        "diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n+++ b/.env\n",
        "diff --git a/x b/x\nnew file mode 100644\nnew file mode 100755\n",
        "diff --git a/x b/x\nold mode 100644\nnew mode 777\n",
        "diff --git a/x b/x\n--- a/x\n",
        "--- a/x\n+++ b/y/z\n",
        "--- /dev/null\n+++ /dev/null\n",
        "--- \"a/x\\q\"\n+++ b/x\n",
        "--- a/x\n+++ b/x\nno hunk\n",
        "diff --cc x\n--- a/x\n+++ b/x\n",
    ];
    for head in table {
        let (line, message) = refused(&format!("{head}{HUNK}"));
        assert!(line > 0, "{head:?}: {message}");
    }
}

#[test]
fn a_path_that_is_not_utf8_is_refused() {
    let error = parse(b"--- a/\xff\n+++ b/\xff\n@@ -1 +1 @@\n-a\n+b\n").expect_err("not UTF-8");
    assert!(error.message.contains("not UTF-8"), "{error}");
}

#[test]
fn content_that_is_not_utf8_is_kept() {
    let patch = parse(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\xff\r\n+\xfe\r\n").expect("parses");
    assert_eq!(patch.files[0].hunks[0].new_side(), [b"\xfe\r\n"]);
}

#[test]
fn nothing_to_do_is_an_error_with_a_hint() {
    for text in ["", "\n \n", "hello\n", "diff --git a/x b/x\n"] {
        let error = read_patch(text.as_bytes()).expect_err("nothing in it");
        assert!(!error.hint.is_empty());
    }
    let (_, message) = refused("--- a/x\n+++ b/x\n@@ -1 +1 @@\n a\n");
    assert!(message.contains("changes nothing"), "{message}");
}

#[test]
fn parts_of_a_change_are_never_skipped_as_noise() {
    for text in [
        "@@ -1 +1 @@\n-a\n+b\n",
        "Binary files a/x and b/x differ\n",
        "diff -git a/x b/x\nnew file mode 100755\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+b\n",
        "GIT binary patch\nliteral 3\nabc\n\n",
        "diff --git a/x b/x\nindex 1..2\n@@ -1 +1 @@\n-a\n+b\n",
    ] {
        assert!(refused(text).0 > 0, "{text:?}");
    }
}

#[test]
fn a_binary_section_ends_at_its_blank_line() {
    let text = "diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral \
                3\nKcmZQzU|?Va00031\n\nliteral 0\nHcmV?d00001\n\n--- a/y\n+++ b/y\n@@ -1 +1 \
                @@\n-a\n+b\n";
    let patch = parse_str(text).expect("parses");
    assert!(patch.files[0].binary);
    assert_eq!(patch.paths(), ["x", "y"]);
}

#[test]
fn an_embedded_patch_keeps_its_own_line_numbers() {
    let json = r#"{"schema":1,"patch":"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n-a\n"}"#;
    let error = crate::plan::read_proposal(json.as_bytes()).expect_err("counts lie");
    assert_eq!((error.line, error.column), (Some(5), Some(1)));
    assert!(error.message.starts_with("in `patch`"), "{error}");
}

mod hostile {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::testing::MemoryTree;
    use crate::plan::{draft, render_patch};

    const SEED: &str = "diff --git a/src/a b.py b/src/a b.py\nold mode 100644\nnew mode \
                        100755\nindex 1..2\n--- a/src/a b.py\t\n+++ b/src/a b.py\t\n@@ -1,3 +1,3 \
                        @@ def f\n a\n-b\n+c\n \n\\ No newline at end of file\ndiff --git \
                        \"a/\\303\\274\" \"b/\\303\\274\"\nnew file mode 100644\n--- \
                        /dev/null\n+++ \"b/\\303\\274\"\n@@ -0,0 +1,2 @@\n+x\r\n+y\ndiff --git a/p \
                        b/q\nsimilarity index 90%\nrename from p\nrename to q\n--- a/p\n+++ \
                        b/q\n@@ -1 +1 @@\n-1\n+2\n-- \n2.43\n";

    /// Any bytes, and valid patches with some bytes or lines changed, doubled or missing.
    fn mutated() -> impl Strategy<Value = Vec<u8>> {
        let lines: Vec<&str> = SEED.split_inclusive('\n').collect();
        let count = lines.len();
        let step = (0..4_u8, 0..count, any::<u8>(), 0..SEED.len());
        proptest::collection::vec(step, 0..12).prop_map(move |steps| {
            let mut bytes: Vec<Vec<u8>> = lines.iter().map(|l| l.as_bytes().to_vec()).collect();
            for (what, line, byte, at) in steps {
                let line = line % bytes.len().max(1);
                match (what, bytes.get_mut(line)) {
                    (0, Some(text)) if !text.is_empty() => {
                        let at = at % text.len();
                        text[at] = byte;
                    }
                    (1, Some(text)) => {
                        let copy = text.clone();
                        bytes.insert(line, copy);
                    }
                    (2, Some(_)) => drop(bytes.remove(line)),
                    (3, Some(text)) => text.truncate(at % (text.len() + 1)),
                    _ => {}
                }
            }
            bytes.concat()
        })
    }

    proptest! {
        #[test]
        fn no_input_makes_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Err(error) = parse(&bytes) {
                prop_assert!(!error.hint.is_empty());
            }
        }

        #[test]
        fn no_broken_patch_makes_parser_or_draft_panic(bytes in mutated()) {
            let base = MemoryTree::with(&[("src/a b.py", "a\nb\n"), ("p", "1\n"), ("ü", "")]);
            match read_patch(&bytes) {
                Err(error) => prop_assert!(!error.hint.is_empty()),
                Ok(proposal) => {
                    let draft = draft(&proposal, &base).unwrap();
                    prop_assert!(!draft.changes.files.is_empty() || !draft.failures.is_empty());
                    let cut = render_patch(&draft.changes, 100);
                    prop_assert!(cut.len() < 250);
                }
            }
        }

        #[test]
        fn any_text_in_a_proposal_is_kept_or_refused(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}") {
            let quoted = serde_json::to_string(&text).unwrap();
            let json = format!(
                "{{\"schema\":1,\"edits\":[{{\"path\":{quoted},\"op\":\"write\",\"content\":{quoted}}}]}}"
            );
            let proposal = crate::plan::read_proposal(json.as_bytes()).unwrap();
            let draft = draft(&proposal, &MemoryTree::default()).unwrap();
            prop_assert_eq!(&draft.changes.files[0].path, &text);
            prop_assert_eq!(draft.changes.files[0].after.as_ref().unwrap().bytes(), text.as_bytes());
            if let Err(error) = crate::plan::read_proposal(text.as_bytes()) {
                prop_assert!(!error.hint.is_empty());
            }
        }
    }
}

#[test]
fn what_is_no_unified_diff_is_told_apart() {
    let table: [(&[u8], &str); 4] = [
        (b"\x1b[1mdiff --git a/x b/x\x1b[m\n", "--no-color"),
        (b"\xff\xfed\0i\0f\0f\0", "UTF-16"),
        (b"*** a\n--- b\n***************\n", "context diff"),
        (b"hello\n", "unified diff"),
    ];
    for (bytes, hint) in table {
        let error = parse(bytes).expect_err("no patch");
        assert!(error.hint.contains(hint), "{}", error.hint);
    }
}
