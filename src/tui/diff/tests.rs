use super::*;
use crate::tui::theme::Syntax;

const PATCH: &str = "diff --git a/src/calc.py b/src/calc.py
index 111..222 100644
--- a/src/calc.py
+++ b/src/calc.py
@@ -1,4 +1,4 @@ import os
 def add(a, b):
-    return a+b
+    return int(a) + int(b)
 
 x = 1
@@ -20,3 +20,4 @@
 --- not a header
+++ nor this
 z = 3
 w = 4
\\ No newline at end of file
diff --git \"a/caf\\303\\251.md\" \"b/caf\\303\\251.md\"
new file mode 100755
index 000..333
--- /dev/null
+++ \"b/caf\\303\\251.md\"
@@ -0,0 +1 @@
+hello
diff --git a/old.txt b/new.txt
similarity index 100%
rename from old.txt
rename to new.txt
";

fn texts(diff: &Diff, kind: LineKind) -> Vec<&str> {
    let lines = diff.lines.iter().filter(|l| l.kind == kind);
    lines.map(|l| diff.text(l)).collect()
}

#[test]
fn files_hunks_and_lines_are_told_apart() {
    let diff = Diff::parse(PATCH.as_bytes());
    let files: Vec<_> = diff
        .files
        .iter()
        .map(|f| (f.letter, f.path.as_str()))
        .collect();
    assert_eq!(
        files,
        [('M', "src/calc.py"), ('A', "café.md"), ('R', "new.txt")]
    );
    assert_eq!(diff.hunks.len(), 3);
    assert_eq!(
        texts(&diff, LineKind::Added),
        ["    return int(a) + int(b)", "++ nor this", "hello"]
    );
    assert_eq!(diff.files[0].added, 2);
    assert_eq!(diff.files[0].removed, 1);
    assert_eq!(diff.files[2].old_path.as_deref(), Some("old.txt"));
}

#[test]
fn a_line_that_looks_like_a_header_inside_a_hunk_is_text() {
    let diff = Diff::parse(PATCH.as_bytes());
    assert!(texts(&diff, LineKind::Context).contains(&"--- not a header"));
}

#[test]
fn lines_carry_the_numbers_of_both_sides() {
    let diff = Diff::parse(PATCH.as_bytes());
    let added = diff
        .lines
        .iter()
        .find(|l| l.kind == LineKind::Added)
        .unwrap();
    assert_eq!((added.old, added.new), (0, 2));
    let at = diff.line_at("src/calc.py", Some(2), false).unwrap();
    assert_eq!(diff.lines[at].kind, LineKind::Added);
    let at = diff.line_at("src/calc.py", Some(2), true).unwrap();
    assert_eq!(diff.lines[at].kind, LineKind::Removed);
    let head = diff.line_at("new.txt", Some(9), false).unwrap();
    assert_eq!(diff.lines[head].kind, LineKind::File);
}

#[test]
fn what_is_not_understood_is_shown() {
    let diff = Diff::parse(b"diff --git a/x b/x\nold mode 100644\nnew mode 100755\n");
    assert_eq!(
        texts(&diff, LineKind::Meta),
        ["old mode 100644", "new mode 100755"]
    );
    let garbage = Diff::parse(b"hello\nworld\n");
    assert_eq!(texts(&garbage, LineKind::Meta), ["hello", "world"]);
}

#[test]
fn a_plain_unified_diff_has_files_too() {
    let diff =
        Diff::parse(b"--- a/x.py\t2026-01-01\n+++ b/x.py\t2026-01-01\n@@ -1 +1 @@\n-a\n+b\n");
    assert_eq!(diff.files[0].path, "x.py");
    assert_eq!(diff.hunks.len(), 1);
}

#[test]
fn only_the_words_that_differ_are_marked() {
    let diff =
        Diff::parse(b"--- a/x.txt\n+++ b/x.txt\n@@ -1 +1 @@\n-one two three\n+one 2 three\n");
    let painted = paint(&diff, 0);
    assert_eq!(painted.lines[1].words.first(), Some(&(4..7)));
    assert_eq!(painted.lines[2].words.first(), Some(&(4..5)));
}

#[test]
fn source_text_gets_its_kinds() {
    let diff = Diff::parse(PATCH.as_bytes());
    let painted = paint(&diff, 0);
    let kinds: Vec<Syntax> = painted.lines[1].syntax.iter().map(|(_, k)| *k).collect();
    assert!(kinds.contains(&Syntax::Function), "{kinds:?}");
}

#[test]
fn a_hundred_thousand_lines_are_parsed_whole() {
    let mut patch = "--- a/x\n+++ b/x\n@@ -0,0 +1,100000 @@\n".to_owned();
    for n in 0..100_000 {
        patch = patch + "+line " + &n.to_string() + "\n";
    }
    let diff = Diff::parse(patch.as_bytes());
    assert_eq!(diff.files[0].added, 100_000);
    assert_eq!(diff.lines.last().map(|l| l.new), Some(100_000));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "([-+ @\\\\a\n\"]|diff --git |@@ -1,2 \\+3,4 @@|--- a/x|\\+\\+\\+ b/y){0,80}") {
        let diff = Diff::parse(text.as_bytes());
        for (index, line) in diff.lines.iter().enumerate() {
            let _text = diff.text(line);
            proptest::prop_assert!(diff.file_of(index).is_some());
        }
    }
}
