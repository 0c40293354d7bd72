//! Public names and enclosing functions of source text, found by line patterns.
//!
//! A reviewer's aid, not a compiler: it reads well-formatted code of a few languages and says
//! nothing about the rest.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// Text beyond this size is not searched for names (1 MiB).
const MAX_TEXT: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Python,
    Rust,
    Script,
    Go,
}

impl Language {
    fn of(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit_once('.')?;
        match extension {
            "py" | "pyi" => Some(Self::Python),
            "rs" => Some(Self::Rust),
            "js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs" => Some(Self::Script),
            "go" => Some(Self::Go),
            _ => None,
        }
    }

    /// A line that begins a named function or type; groups: indentation, name.
    fn definition(self) -> Option<&'static Regex> {
        match self {
            Self::Python => PYTHON.as_ref(),
            Self::Rust => RUST.as_ref(),
            Self::Script => SCRIPT.as_ref(),
            Self::Go => GO.as_ref(),
        }
    }

    /// A line that declares a public name; groups: indentation, name.
    fn public(self) -> Option<&'static Regex> {
        match self {
            Self::Python => PYTHON.as_ref(),
            Self::Rust => RUST_PUBLIC.as_ref(),
            Self::Script => SCRIPT_PUBLIC.as_ref(),
            Self::Go => GO_PUBLIC.as_ref(),
        }
    }
}

/// A pattern that does not compile finds nothing; a test holds that all of them do.
type Pattern = LazyLock<Option<Regex>>;

static PYTHON: Pattern = LazyLock::new(|| {
    Regex::new(r"^([ \t]*)(?:async[ \t]+)?(?:def|class)[ \t]+([A-Za-z_]\w*)").ok()
});
static RUST: Pattern = LazyLock::new(|| {
    Regex::new(
        r"^([ \t]*)(?:pub(?:\([^)]*\))?[ \t]+)?(?:(?:const|async|unsafe|default)[ \t]+)*(?:fn|struct|enum|trait|union|mod|type)[ \t]+([A-Za-z_]\w*)",
    )
    .ok()
});
static RUST_PUBLIC: Pattern = LazyLock::new(|| {
    Regex::new(
        r#"^([ \t]*)pub[ \t]+(?:(?:async|unsafe|const|extern(?:[ \t]+"[^"]*")?)[ \t]+)*(?:fn|struct|enum|trait|union|mod|type|static|const)[ \t]+(?:mut[ \t]+)?([A-Za-z_]\w*)"#,
    )
    .ok()
});
static SCRIPT: Pattern = LazyLock::new(|| {
    Regex::new(
        r"^([ \t]*)(?:export[ \t]+)?(?:default[ \t]+)?(?:async[ \t]+)?(?:function\*?|class|interface)[ \t]+([A-Za-z_$][\w$]*)",
    )
    .ok()
});
static SCRIPT_PUBLIC: Pattern = LazyLock::new(|| {
    Regex::new(
        r"^([ \t]*)export[ \t]+(?:default[ \t]+)?(?:declare[ \t]+)?(?:abstract[ \t]+)?(?:async[ \t]+)?(?:function\*?|class|const|let|var|interface|type|enum)[ \t]+([A-Za-z_$][\w$]*)",
    )
    .ok()
});
static GO: Pattern =
    LazyLock::new(|| Regex::new(r"^()(?:func|type)[ \t]+(?:\([^)]*\)[ \t]*)?([A-Za-z_]\w*)").ok());
static GO_PUBLIC: Pattern = LazyLock::new(|| {
    Regex::new(r"^()(?:func|type|var|const)[ \t]+(?:\([^)]*\)[ \t]*)?([A-Z]\w*)").ok()
});

/// The public names that a file declares: Python functions and classes at the top and the methods
/// of those classes, without a leading underscore; Rust `pub` items; JavaScript and TypeScript
/// exports; Go names with a capital. Empty for any other file.
pub(super) fn public_names(path: &str, content: &[u8]) -> BTreeSet<String> {
    let Some(language) = Language::of(path).filter(|_| content.len() <= MAX_TEXT) else {
        return BTreeSet::new();
    };
    let Some(pattern) = language.public() else {
        return BTreeSet::new();
    };
    let text = String::from_utf8_lossy(content);
    let mut names = BTreeSet::new();
    let mut class: Option<Class> = None;
    for line in text.lines() {
        let Some((indent, name)) = matched(pattern, line) else {
            continue;
        };
        if language != Language::Python {
            names.insert(name.to_owned());
            continue;
        }
        let public = !name.starts_with('_');
        if indent == 0 {
            let is_class = line.trim_start().starts_with("class");
            class = is_class.then(|| Class {
                name: public.then(|| name.to_owned()),
                body: None,
            });
            if public {
                names.insert(name.to_owned());
            }
        } else if let Some(class) = &mut class {
            // Deeper definitions are local to a method.
            let is_member = *class.body.get_or_insert(indent) == indent;
            if let Some(owner) = class.name.as_ref().filter(|_| is_member && public) {
                names.insert(format!("{owner}.{name}"));
            }
        }
    }
    names
}

/// The top-level Python class being read.
struct Class {
    /// `None` for a private one.
    name: Option<String>,
    /// The indentation of its members, known from the first.
    body: Option<usize>,
}

/// The function or type that holds line `index` (from 0), by indentation.
pub(super) fn enclosing<'a>(path: &str, lines: &[&'a str], index: usize) -> Option<&'a str> {
    let pattern = Language::of(path)?.definition()?;
    let here = lines.get(index)?;
    if let Some((_, name)) = matched(pattern, here) {
        return Some(name);
    }
    let mut limit = indentation(here);
    // A function longer than this is named by nobody's memory anyway; it bounds the search.
    for line in lines.get(..index)?.iter().rev().take(2000) {
        if line.trim().is_empty() {
            continue;
        }
        let indent = indentation(line);
        if indent >= limit {
            continue;
        }
        if let Some((_, name)) = matched(pattern, line) {
            return Some(name);
        }
        limit = indent;
    }
    None
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

fn matched<'a>(pattern: &Regex, line: &'a str) -> Option<(usize, &'a str)> {
    // A definition's name is near the line's start; minified lines are not worth a search.
    if line.len() > 2000 {
        return None;
    }
    let found = pattern.captures(line)?;
    Some((found.get(1)?.len(), found.get(2)?.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str, text: &str) -> Vec<String> {
        public_names(path, text.as_bytes()).into_iter().collect()
    }

    #[test]
    fn all_patterns_compile() {
        for language in [
            Language::Python,
            Language::Rust,
            Language::Script,
            Language::Go,
        ] {
            assert!(language.definition().is_some() && language.public().is_some());
        }
    }

    #[test]
    fn public_names_are_found_in_each_language() {
        let python = "class A:\n    def f(self):\n        def inner(): pass\n    def _g(self): \
                      pass\nasync def b(): pass\ndef _c(): pass\nclass _D:\n    def x(self): pass\n";
        assert_eq!(names("a.py", python), ["A", "A.f", "b"]);
        let rust = "pub fn a() {}\npub(crate) fn b() {}\nfn c() {}\n    pub const fn d() {}\npub \
                    struct E;\n";
        assert_eq!(names("a.rs", rust), ["E", "a", "d"]);
        let script = "export default class A {}\nexport const b = 1\nfunction c() {}\n";
        assert_eq!(names("a.ts", script), ["A", "b"]);
        assert_eq!(
            names(
                "a.go",
                "func (t *T) Do() {}\nfunc do() {}\ntype T struct{}\n"
            ),
            ["Do", "T"]
        );
        assert!(names("a.txt", "def a(): pass\n").is_empty());
    }

    #[test]
    fn the_enclosing_function_goes_by_indentation() {
        let text =
            "def a():\n    if x:\n        y\n\nz = 1\nclass B:\n    def c(self):\n        d\n";
        let lines: Vec<&str> = text.lines().collect();
        let at = |index| enclosing("x.py", &lines, index);
        assert_eq!(
            [at(2), at(4), at(7), at(0)],
            [Some("a"), None, Some("c"), Some("a")]
        );
    }
}
