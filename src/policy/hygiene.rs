//! What a path may be made of, before any rule about its name.
//!
//! A path travels through a shell-quoted merge command, a terminal, git and file systems of three
//! kinds; characters that one of them acts on have no business in a reviewed change.

use serde::{Deserialize, Serialize};

use crate::model::Violation;
use crate::policy::finding::{broken, code_point};
use crate::policy::fold::is_invisible;

/// A kind of character that path rules can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CharacterClass {
    /// Control characters, NUL, tab and line ends included.
    Control,
    /// Bidirectional controls, zero-width, tag and other characters that a reader does not see.
    Invisible,
    /// Characters that a shell, git's pathspecs or Windows act on.
    Shell,
}

impl CharacterClass {
    /// The class of a character; `None` for one that paths may hold.
    pub(super) fn of(c: char) -> Option<Self> {
        match c {
            ';' | '$' | '`' | '|' | '&' | '<' | '>' | '*' | '?' | '!' | '(' | ')' | '{' | '}'
            | '\\' | ':' | '"' | '\'' => Some(Self::Shell),
            c if c.is_control() => Some(Self::Control),
            c if is_invisible(c) || (c != ' ' && c.is_whitespace()) => Some(Self::Invisible),
            _ => None,
        }
    }

    fn describe(self, c: char) -> String {
        match self {
            Self::Control => format!("holds the control character {}", code_point(c)),
            Self::Invisible => format!("holds {}, which a reader does not see", code_point(c)),
            Self::Shell => format!("holds {c:?}, which a shell, git or Windows acts on"),
        }
    }
}

/// The longest component that Linux, macOS and Windows all take, in bytes.
const MAX_COMPONENT: usize = 255;
/// `PATH_MAX` on Linux.
pub(super) const MAX_PATH: usize = 4096;

const REMEDY: &str = "choose a plain name: letters, digits, '.', '_', '-', '/' and inner spaces";

/// Every breach of `path.absolute`, `path.outside` and `path.characters`.
pub(super) fn judge(path: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    if is_absolute(path) {
        violations.push(broken(
            "path.absolute",
            path,
            "is absolute; a change names files relative to the repository's root",
            "write the path relative to the repository's root",
        ));
    }
    if path.split(['/', '\\']).any(|part| part == "..") {
        violations.push(broken(
            "path.outside",
            path,
            "holds a `..` component, which can leave the repository",
            "write the path without `..`",
        ));
    }
    let problems = problems(path);
    violations.extend(
        problems
            .into_iter()
            .map(|detail| broken("path.characters", path, detail, REMEDY)),
    );
    violations
}

fn is_absolute(path: &str) -> bool {
    let mut chars = path.chars();
    let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':');
    path.starts_with(['/', '\\']) || (drive && matches!(chars.next(), Some('/' | '\\')))
}

/// Every problem once, in the order of the path.
fn problems(path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |detail: String| {
        if !found.contains(&detail) {
            found.push(detail);
        }
    };
    if path.is_empty() {
        note("is empty".to_owned());
    }
    if path.len() > MAX_PATH {
        note(format!("is {} bytes long; at most {MAX_PATH}", path.len()));
    }
    if path.starts_with('~') {
        note("begins with `~`, which a shell expands".to_owned());
    }
    if path.contains(" -> ") {
        note("holds \" -> \", which git uses to print a rename".to_owned());
    }
    for c in path.chars() {
        if let Some(class) = CharacterClass::of(c) {
            note(class.describe(c));
        }
    }
    let inner = path.strip_prefix('/').unwrap_or(path);
    for part in inner.split('/') {
        component_problems(part, path.is_empty(), &mut note);
    }
    found
}

fn component_problems(part: &str, is_whole_empty: bool, note: &mut impl FnMut(String)) {
    if part.is_empty() && !is_whole_empty {
        note("holds an empty component".to_owned());
    }
    if part == "." {
        note("holds a `.` component".to_owned());
    }
    if part.starts_with('-') {
        note("a component begins with `-`, which programs take for an option".to_owned());
    }
    if part.starts_with(' ') || part.ends_with(' ') {
        note("a component begins or ends with a space".to_owned());
    }
    if part.ends_with('.') && !matches!(part, "." | "..") {
        note("a component ends with `.`, which Windows drops".to_owned());
    }
    if is_device(part) {
        note(format!("{part:?} names a device on Windows"));
    }
    if is_short_name(part) {
        note(format!(
            "{part:?} is a short name on Windows, and stands for another file"
        ));
    }
    if part.len() > MAX_COMPONENT {
        note(format!(
            "a component is {} bytes long; at most {MAX_COMPONENT}",
            part.len()
        ));
    }
}

/// `con`, `aux.py`, `COM1`, `lpt¹.txt`: whatever the extension, Windows opens the device.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    let stem = stem.to_lowercase();
    let numbered = ["com", "lpt"].iter().any(|device| {
        stem.strip_prefix(device).is_some_and(|n| {
            matches!(n, "¹" | "²" | "³") || (n.len() == 1 && n.parse().is_ok_and(|n: u8| n > 0))
        })
    });
    numbered
        || matches!(
            stem.as_str(),
            "con" | "prn" | "aux" | "nul" | "conin$" | "conout$"
        )
}

/// `GIT~1`, `PROGRA~2.TXT`: at most six characters, a tilde, a digit, and a short extension.
fn is_short_name(part: &str) -> bool {
    let (stem, extension) = part.split_once('.').unwrap_or((part, ""));
    let Some((head, number)) = stem.rsplit_once('~') else {
        return false;
    };
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits && !head.is_empty() && stem.chars().count() <= 8 && extension.chars().count() <= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str) -> Vec<String> {
        judge(path).into_iter().map(|v| v.rule).collect()
    }

    #[test]
    fn plain_names_pass() {
        for good in [
            "a.py",
            "src/a b/ü.py",
            "日本/x",
            "pages/[id].tsx",
            "a+b=c@d,e#f%g",
            ".hidden/file~",
            "console.py",
            "com10/auxiliary.c",
            "notes~draft.md",
            "long-backup-name~2",
            "a-b/--c".trim_end_matches("/--c"),
        ] {
            assert!(judge(good).is_empty(), "{good:?}: {:?}", judge(good));
        }
    }

    #[test]
    fn hostile_characters_are_named() {
        for bad in [
            "a\0b",
            "x\ny",
            "a\tb",
            "\u{1b}[31m",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\\b",
            "a:b",
            "a;b",
            "$(id)",
            "a -> b",
            "\"q\"",
            "-A",
            "x/-f",
            " a",
            "a ",
            "a.",
            "~/x",
            "a\u{a0}b",
            "",
            "a//b",
            "a/",
            "./a",
            "a\u{2028}b",
            "a\u{e0041}",
            "con",
            "src/AUX.py",
            "a/com1/b",
            "lpt\u{b9}.txt",
            "GIT~1",
            "a/PROGRA~2.TXT",
        ] {
            assert!(
                rules(bad).contains(&"path.characters".to_owned()),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn absolute_and_outside_have_rules_of_their_own() {
        for absolute in ["/etc/passwd", "C:/x", "C:\\x", "\\\\host\\x"] {
            assert!(
                rules(absolute).contains(&"path.absolute".to_owned()),
                "{absolute:?}"
            );
        }
        for outside in ["../x", "a/../b", "..", "a\\..\\b"] {
            assert!(
                rules(outside).contains(&"path.outside".to_owned()),
                "{outside:?}"
            );
        }
        assert!(rules("..a/b..c").is_empty());
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(judge(&"a".repeat(255)).is_empty());
        assert_eq!(judge(&"a".repeat(256)).len(), 1);
        assert_eq!(judge(&vec!["aaa"; 1100].join("/")).len(), 1);
    }
}
