//! The rules of the house that the compiler does not hold: which module may name which, how long a
//! file may be, what stands at the top level.

#![expect(clippy::unwrap_used, reason = "test helpers")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// For every module: the modules of this crate that it may name (besides itself). Dependencies
/// point one way; `git`, `exec`, `record`, `evidence` and `plan` do not name each other.
const MAY_NAME: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("text", &[]),
    ("policy", &["model"]),
    ("plan", &["model"]),
    ("git", &["model", "policy"]),
    ("exec", &["model"]),
    ("record", &["model", "text"]),
    ("evidence", &["model", "text"]),
    ("error", &["model"]),
    (
        "pipeline",
        &[
            "model", "text", "error", "policy", "plan", "git", "exec", "record", "evidence",
        ],
    ),
    ("headless", &["model", "text", "evidence"]),
    ("tui", &["model", "text", "pipeline"]),
    ("config", &["model", "error", "policy"]),
];

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The module a file belongs to, and its text without its tests.
fn modules() -> Vec<(PathBuf, String, String)> {
    let root = source();
    let mut modules = Vec::new();
    for file in rust_files(&root) {
        let relative = file.strip_prefix(&root).unwrap().to_path_buf();
        let is_test =
            |part: &str| matches!(part, "tests" | "tests.rs" | "fixture.rs" | "fixtures.rs");
        if relative.iter().any(|part| is_test(part.to_str().unwrap())) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text
            .split("\n#[cfg(test)]\nmod ")
            .next()
            .unwrap()
            .to_owned();
        let module = relative
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        modules.push((relative, module, code));
    }
    modules
}

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_NAME.into();
    let mut wrong = Vec::new();
    for (file, module, code) in modules() {
        let Some(may) = allowed.get(module.as_str()) else {
            continue;
        };
        for (number, line) in code.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("//") {
                continue;
            }
            for found in line.split("crate::").skip(1) {
                let name: String = found
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if name != module && !may.contains(&name.as_str()) && !name.is_empty() {
                    wrong.push(format!(
                        "{}:{}: {module} names {name}",
                        file.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_enough_to_have_one_subject() {
    let long: Vec<String> = modules()
        .into_iter()
        .map(|(file, _, code)| (file, code.lines().count()))
        .filter(|(_, lines)| *lines > 450)
        .map(|(file, lines)| format!("{} has {lines} lines without its tests", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    for file in rust_files(&source()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_tests = file.ends_with("tests.rs");
        assert!(
            is_tests || text.starts_with("//! "),
            "{} begins without //!",
            file.display()
        );
    }
}

#[test]
fn nothing_is_left_for_later_and_no_lint_is_switched_off() {
    let marks = [
        "todo!(",
        "unimplemented!(",
        "FIXME",
        "XXX",
        "#[allow(",
        "#![allow(",
    ];
    for file in rust_files(&source()) {
        let text = std::fs::read_to_string(&file).unwrap();
        // A test may be left out of the ordinary run only when another test starts it.
        for ignored in text.split("#[ignore").skip(1) {
            let started = ignored.starts_with(" = \"started by the other tests");
            assert!(started, "{} holds an ignored test", file.display());
        }
        for mark in marks {
            assert!(!text.contains(mark), "{} holds {mark}", file.display());
        }
    }
}

#[test]
fn the_top_level_holds_only_what_a_newcomer_expects() {
    let expected = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "assets",
        "tests",
        "benches",
        "fuzz",
        "docs",
        "README.md",
        "LICENSE",
        "target",
    ];
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name.starts_with('.') || expected.contains(&name.as_str()),
            "{name} at the top level"
        );
    }
}

#[test]
fn the_forbidden_operations_of_git_are_not_named_anywhere() {
    // clippy's disallowed-methods refuses the calls; this holds the same for text that clippy does
    // not resolve.
    let forbidden = [
        ".push(&[",
        "RebaseOptions",
        "MergeOptions",
        ".amend(",
        "set_head(",
        "checkout_tree(",
        "PushOptions",
    ];
    for (file, module, code) in modules() {
        if module == "git" {
            for name in forbidden {
                assert!(!code.contains(name), "{} names {name}", file.display());
            }
        }
    }
}
