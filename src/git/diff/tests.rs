use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::git::testing::{Do, Fixture, build, message};

fn lines(range: std::ops::Range<u32>) -> String {
    let mut text = String::new();
    for n in range {
        writeln!(text, "line {n} of the file").unwrap();
    }
    text
}

/// Commits the edits and compares with the real git.
#[track_caller]
fn assert_same(files: &[(&str, &str)], edits: &[(&str, Do<'_>)]) -> DiffText {
    let fixture = Fixture::with(files);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let built = build(&repository, &base, edits);
    same_as_git(&fixture, &repository, &base, &built.commit)
}

#[track_caller]
fn same_as_git(fixture: &Fixture, repository: &Repository, base: &Oid, commit: &Oid) -> DiffText {
    let diff = repository.diff(base, commit).unwrap();
    let expected = fixture.git_diff(base, commit);
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(show(&diff.text), show(&expected));
    assert_eq!(diff.text, expected);
    diff
}

const PYTHON: &str = "import os\n\n\nclass Reader:\n    def read(self):\n        a = 1\n        \
    b = 2\n        c = 3\n        return a\n\n    def write(self):\n        x = 1\n        \
    y = 2\n        z = 3\n        return x\n\n\ndef main():\n    p = 1\n    q = 2\n    r = 3\n    \
    s = 4\n    return p\n";

#[test]
fn edits_creations_and_deletions_are_shown_as_git_shows_them() {
    let old = lines(0..60);
    let new = old
        .replace("line 3 ", "line three ")
        .replace("line 50 ", "line fifty ");
    let diff = assert_same(
        &[
            ("a/edit.txt", &old),
            ("gone.txt", "one\ntwo\n"),
            ("z", "z\n"),
        ],
        &[
            ("a/edit.txt", Do::Write(new.as_bytes())),
            ("gone.txt", Do::Delete),
            ("a/new.py", Do::Write(b"print(1)\n")),
            ("empty", Do::Write(b"")),
        ],
    );
    let letters: String = diff.files.iter().map(|file| file.letter).collect();
    assert_eq!(letters, "MAAD");
    assert_eq!(
        (diff.stats.files, diff.stats.added, diff.stats.removed),
        (4, 3, 4)
    );
}

#[test]
fn the_function_behind_a_hunk_is_the_one_git_names() {
    let long = format!("def {}():\n    pass\n", "x".repeat(120));
    let text = format!("{PYTHON}{long}{}é_not_ascii\n{}", lines(0..8), lines(8..20));
    let new = text
        .replace("b = 2", "b = 20")
        .replace("z = 3", "z = 30")
        .replace("s = 4", "s = 40")
        .replace("line 6 ", "line six ")
        .replace("line 17 ", "line seventeen ");
    assert_same(&[("m.py", &text)], &[("m.py", Do::Write(new.as_bytes()))]);
}

#[test]
fn the_indent_heuristic_is_gits() {
    let old = "def a():\n    x = 1\n    return x\n\n\ndef c():\n    x = 1\n    return x\n";
    let new = "def a():\n    x = 1\n    return x\n\n\ndef b():\n    x = 1\n    return x\n\n\ndef c():\n    x = 1\n    return x\n";
    assert_same(&[("m.py", old)], &[("m.py", Do::Write(new.as_bytes()))]);
}

#[test]
fn modes_symbolic_links_and_changes_of_kind_are_shown() {
    let fixture = Fixture::with(&[("run", "#!/bin/sh\necho\n"), ("f", "text\n"), ("g", "g\n")]);
    std::os::unix::fs::symlink("f", fixture.path().join("link")).unwrap();
    let base = fixture.commit_all("link");
    let repository = fixture.open();
    let built = build(
        &repository,
        &base,
        &[
            ("run", Do::Mode(FileMode::Executable, b"#!/bin/sh\necho\n")),
            ("g", Do::Mode(FileMode::Executable, b"h\n")),
            ("f", Do::Mode(FileMode::Symlink, b"g")),
            ("link", Do::Mode(FileMode::Regular, b"now a file\n")),
            ("new-link", Do::Mode(FileMode::Symlink, b"run")),
        ],
    );
    let diff = same_as_git(&fixture, &repository, &base, &built.commit);
    let letters: String = diff.files.iter().map(|file| file.letter).collect();
    assert_eq!(letters, "TMTAM");
}

#[test]
fn renames_with_and_without_edits_are_found_with_gits_percentages() {
    let (a, b, c) = (lines(0..40), lines(100..130), lines(200..210));
    let a_edited = a.replace("line 7 ", "line seven ").replace("line 20 ", "");
    let b_edited = format!("{}{}", lines(100..118), lines(300..315));
    let diff = assert_same(
        &[
            ("a.txt", &a),
            ("dir/b.txt", &b),
            ("c.txt", &c),
            ("e", ""),
            ("x/same.py", PYTHON),
        ],
        &[
            ("a.txt", Do::Delete),
            ("other.txt", Do::Write(a_edited.as_bytes())),
            ("dir/b.txt", Do::Delete),
            ("moved/b.txt", Do::Write(b_edited.as_bytes())),
            ("c.txt", Do::Delete),
            ("c name with spaces.txt", Do::Write(c.as_bytes())),
            ("e", Do::Delete),
            ("empty/e", Do::Write(b"")),
            ("x/same.py", Do::Delete),
            (
                "y/same.py",
                Do::Mode(FileMode::Executable, PYTHON.as_bytes()),
            ),
        ],
    );
    assert!(
        diff.files.iter().all(|file| file.letter == 'R'),
        "{:?}",
        diff.files
    );
}

#[test]
fn line_ends_and_missing_ones_are_shown_as_git_shows_them() {
    let crlf = lines(0..20).replace('\n', "\r\n");
    let crlf_new = crlf.replace("line 9 ", "line nine ");
    assert_same(
        &[
            ("crlf", &crlf),
            ("to-lf", "a\r\nb\r\n"),
            ("none", "a\nb"),
            ("gains", "a\nb"),
            ("loses", "a\nb\n"),
            ("cr", "a\rb\rc"),
        ],
        &[
            ("crlf", Do::Write(crlf_new.as_bytes())),
            ("to-lf", Do::Write(b"a\nb\n")),
            ("none", Do::Write(b"x\nb")),
            ("gains", Do::Write(b"a\nb\n")),
            ("loses", Do::Write(b"a\nb")),
            ("cr", Do::Write(b"a\rB\rc")),
            ("new-none", Do::Write(b"no newline")),
        ],
    );
}

#[test]
fn odd_names_are_quoted_as_git_quotes_them() {
    let names = [
        "sp ace/f ile",
        "ümläut.py",
        "日本 語.txt",
        "tab\there",
        "quo\"te",
        "back\\slash",
        "new\nline",
        "bell\u{7}",
        "del\u{7f}",
        "-rf",
        "esc\u{1b}[31m",
    ];
    let edits: Vec<_> = names
        .iter()
        .map(|name| (*name, Do::Write(&b"x\n"[..])))
        .collect();
    let diff = assert_same(&[("a", "a\n")], &edits);
    assert_eq!(diff.files.len(), names.len());
    let base: Vec<_> = names.iter().map(|name| (*name, "a\nb\n")).collect();
    let edits: Vec<_> = names
        .iter()
        .map(|name| (*name, Do::Write(&b"a\nc\n"[..])))
        .collect();
    assert_same(&base, &edits);
}

#[test]
fn binary_files_are_named_as_git_names_them() {
    assert_same(
        &[("img", "a\0b"), ("gone", "\0"), ("text", "text\n")],
        &[
            ("img", Do::Write(b"a\0c")),
            ("gone", Do::Delete),
            ("text", Do::Write(b"te\0xt\n")),
            ("new", Do::Write(b"\0\0\0")),
        ],
    );
    // A NUL far behind does not make it binary.
    let far = format!("{}\0\n", "x\n".repeat(5000));
    assert_same(
        &[("far", &far)],
        &[("far", Do::Write(format!("y\n{far}").as_bytes()))],
    );
}

#[test]
fn a_folder_may_become_a_file_and_a_file_a_folder() {
    assert_same(
        &[
            ("d/a", "a\n"),
            ("d/b", "b\n"),
            ("f", "file\n"),
            ("f.x", "x\n"),
            ("f0", "0\n"),
        ],
        &[
            ("d/a", Do::Delete),
            ("d/b", Do::Delete),
            ("d", Do::Write(b"now a file\n")),
            ("f", Do::Delete),
            ("f/inside", Do::Write(b"deep\n")),
            ("f.x", Do::Write(b"y\n")),
            ("f0", Do::Write(b"1\n")),
        ],
    );
}

#[test]
fn submodules_are_shown_by_their_commits() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let at = |digit: &str| format!("160000,{},sub", digit.repeat(40));
    fixture.git(&["update-index", "--add", "--cacheinfo", &at("1")]);
    fixture.git(&["commit", "-q", "-m", "sub"]);
    let base = fixture.oid("HEAD");
    fixture.git(&["update-index", "--cacheinfo", &at("2")]);
    fixture.git(&["commit", "-q", "-m", "moved"]);
    let commit = fixture.oid("HEAD");
    same_as_git(&fixture, &fixture.open(), &base, &commit);
}

#[test]
fn the_diff_is_from_the_merge_base_when_the_base_moves_on() {
    let fixture = Fixture::with(&[("a", "a\n"), ("b", "b\n")]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let built = build(&repository, &base, &[("a", Do::Write(b"changed\n"))]);
    let before = repository.diff(&base, &built.commit).unwrap();
    fixture.write("b", b"moved on\n");
    let tip = fixture.commit_all("base moves");
    let after = same_as_git(&fixture, &repository, &tip, &built.commit);
    assert_eq!(before, after);
}

#[test]
fn commits_without_a_common_ancestor_are_an_error() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let base = fixture.oid("HEAD");
    fixture.git(&["checkout", "-q", "--orphan", "other"]);
    let other = fixture.commit_all("other root");
    let error = fixture.open().diff(&base, &other).unwrap_err();
    assert!(matches!(error, Error::NoMergeBase { .. }), "{error}");
    assert!(error.hint().contains("--base"));
}

#[test]
fn attributes_hide_nothing() {
    let hiding = "* -diff\n*.txt binary diff=hidden\n";
    let fixture = Fixture::with(&[("a.txt", "a\n"), ("b", "b\n"), (".gitattributes", hiding)]);
    fixture.write(".git/info/attributes", hiding.as_bytes());
    let mark = fixture.outside("textconv-ran");
    let program = format!("touch {}; cat", mark.display());
    fixture.git(&["config", "diff.hidden.textconv", &program]);
    fixture.git(&["config", "diff.external", &program]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let built = build(
        &repository,
        &base,
        &[
            ("a.txt", Do::Write(b"evil\n")),
            ("b", Do::Write(b"evil too\n")),
        ],
    );
    let diff = repository.diff(&base, &built.commit).unwrap();
    let text = String::from_utf8(diff.text).unwrap();
    assert!(
        text.contains("+evil\n") && text.contains("+evil too\n"),
        "{text}"
    );
    assert!(!mark.exists(), "a textconv program was run");
}

/// Many Python projects set this attribute; it only changes the text behind `@@`.
#[test]
fn the_python_attribute_names_methods_as_git_does() {
    let fixture = Fixture::with(&[("m.py", PYTHON), (".gitattributes", "*.py diff=python\n")]);
    let repository = fixture.open();
    let new = PYTHON
        .replace("c = 3", "c = 30")
        .replace("z = 3", "z = 30")
        .replace("s = 4", "s = 40");
    let old = format!(
        "{PYTHON}\n\n    async  def far():\n{}",
        lines(0..9).replace("line", "    line")
    );
    let both = format!(
        "{new}\n\n    async  def far():\n{}    end\n",
        lines(0..9).replace("line", "    line")
    );
    fixture.write("n.py", old.as_bytes());
    let base = fixture.commit_all("more");
    let edits = [
        ("m.py", Do::Write(new.as_bytes())),
        ("n.py", Do::Write(both.as_bytes())),
    ];
    let built = build(&repository, &base, &edits);
    let diff = same_as_git(&fixture, &repository, &base, &built.commit);
    let text = String::from_utf8(diff.text).unwrap();
    assert!(text.contains("@@ async  def far():"), "{text}");
}

#[test]
fn the_users_diff_configuration_changes_nothing() {
    let fixture = Fixture::with(&[("a", &lines(0..30)), ("b", "b\n")]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let new = lines(0..30).replace("line 9 ", "line nine ");
    let built = build(
        &repository,
        &base,
        &[("a", Do::Delete), ("c", Do::Write(new.as_bytes()))],
    );
    let expected = fixture.git_diff(&base, &built.commit);
    for (key, value) in [
        ("diff.noprefix", "true"),
        ("diff.renames", "false"),
        ("diff.context", "9"),
        ("diff.algorithm", "histogram"),
        ("core.abbrev", "20"),
        ("core.quotePath", "false"),
    ] {
        fixture.git(&["config", key, value]);
    }
    let diff = fixture.open().diff(&base, &built.commit).unwrap();
    assert_eq!(diff.text, expected);
}

/// More packed objects than 2^14, with a multi-pack index and without: git takes eight digits.
#[test]
fn ids_grow_with_the_repository_as_gits_do() {
    let fixture = Fixture::with(&[("a", "a\n")]);
    let mut stream = String::new();
    for n in 0..17_000 {
        let text = n.to_string();
        writeln!(stream, "blob\ndata {}\n{text}", text.len()).unwrap();
    }
    let file = fixture.outside("stream");
    std::fs::write(&file, stream).unwrap();
    let import = format!("git fast-import --quiet < {}", file.display());
    fixture.git(&["config", "alias.load", &format!("!{import}")]);
    fixture.git(&["load"]);
    let repository = fixture.open();
    let base = fixture.oid("HEAD");
    let built = build(
        &repository,
        &base,
        &[("a", Do::Write(b"b\n")), ("n", Do::Write(b"n\n"))],
    );
    let diff = same_as_git(&fixture, &repository, &base, &built.commit);
    assert!(
        String::from_utf8(diff.text)
            .unwrap()
            .contains("index 00000000..")
    );
    fixture.git(&["multi-pack-index", "write"]);
    same_as_git(&fixture, &fixture.open(), &base, &built.commit);
}

#[test]
fn lines_are_counted_for_every_kind_of_line_end() {
    let count = |a: &str, b: &str| {
        let stat = count_lines(a.as_bytes(), b.as_bytes()).unwrap();
        (stat.added, stat.removed)
    };
    assert_eq!(count("", "a\nb\nc\n"), (3, 0));
    assert_eq!(count("", "a\rb\rc\r"), (3, 0));
    assert_eq!(count("", "a\rb\rc"), (3, 0));
    assert_eq!(count("a\rb\rc\r", "a\rX\rc\r"), (1, 1));
    assert_eq!(count("a\nb\n", "a\r\nb\r\n"), (2, 2));
    assert_eq!(count("a\rb\r", "a\r\nb\r\n"), (2, 2));
    assert_eq!(count("a\n", "a"), (1, 1));
    assert_eq!(count("same", "same"), (0, 0));
}

/// A file made of a few words a line, so that similar files are common.
fn content() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "alpha\n",
        "beta beta\n",
        "    gamma = 1\n",
        "def f():\n",
        "\n",
        "}\n",
        "é\r\n",
        "a very long line that is longer than sixty-four bytes, for the spans of git, you know\n",
    ]);
    let text = prop::collection::vec(line, 0..40).prop_map(|lines| lines.concat());
    (text, any::<bool>()).prop_map(|(mut text, end)| {
        if !end {
            text.pop();
        }
        text
    })
}

/// Files by name: some base names in several folders.
fn tree() -> impl Strategy<Value = BTreeMap<String, String>> {
    let name = prop::sample::select(vec![
        "a.py",
        "b.py",
        "dir/a.py",
        "dir/b.py",
        "dir/c d.py",
        "other/a.py",
        "other/x.py",
        "z/ü.py",
    ]);
    prop::collection::btree_map(name.prop_map(str::to_owned), content(), 1..6)
}

/// Moves and changes files of a tree.
fn edited(old: &BTreeMap<String, String>, seed: &[(u8, u8, u8)]) -> BTreeMap<String, String> {
    let names = ["a.py", "dir/a.py", "new/a.py", "new/b.py", "q", "dir/e.py"];
    let mut new = old.clone();
    for (pick, act, at) in seed {
        let keys: Vec<String> = new.keys().cloned().collect();
        let Some(key) = keys.get(*pick as usize % keys.len().max(1)) else {
            break;
        };
        let mut text = new.get(key).cloned().unwrap_or_default();
        if act % 2 == 0 {
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            let place = *at as usize % (lines.len() + 1);
            if act % 4 == 0 || place == lines.len() {
                lines.insert(place, "inserted line\n");
            } else {
                lines.remove(place);
            }
            text = lines.concat();
            new.insert(key.clone(), text);
        } else {
            new.remove(key);
            if act % 3 != 0 {
                new.insert(names[*at as usize % names.len()].to_owned(), text);
            }
        }
    }
    new
}

proptest! {
    // Each case makes real commits and starts real git processes.
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn random_edits_and_renames_are_shown_as_git_shows_them(
        old in tree(),
        seed in prop::collection::vec(any::<(u8, u8, u8)>(), 1..8),
    ) {
        let new = edited(&old, &seed);
        prop_assume!(new != old && !new.is_empty());
        let files: Vec<(&str, &str)> = old.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let fixture = Fixture::with(&files);
        let base = fixture.oid("HEAD");
        let repository = fixture.open();
        let gone = old.keys().filter(|path| !new.contains_key(*path));
        let mut edits: Vec<(&str, Do<'_>)> = gone.map(|path| (path.as_str(), Do::Delete)).collect();
        for (path, text) in new.iter().filter(|(path, text)| old.get(*path) != Some(*text)) {
            edits.push((path, Do::Write(text.as_bytes())));
        }
        let set = crate::git::testing::cleared(crate::git::testing::changes(&repository, &base, &edits));
        let built = repository.build_commit(&base, &set, &message("random")).unwrap();
        let diff = repository.diff(&base, &built.commit).unwrap();
        let expected = fixture.git_diff(&base, &built.commit);
        prop_assert_eq!(
            String::from_utf8_lossy(&diff.text).into_owned(),
            String::from_utf8_lossy(&expected).into_owned()
        );
        // What was built is what was asked for, read again from the objects.
        let delta = repository.delta(&base, &built.commit).unwrap();
        let paths: std::collections::BTreeSet<&str> = delta.files.iter().map(|f| f.path.as_str()).collect();
        let wanted: std::collections::BTreeSet<&str> = edits.iter().map(|(path, _)| *path).collect();
        prop_assert_eq!(paths, wanted);
    }
}
