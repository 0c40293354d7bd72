//! Which modules the tests are asked about: the candidate's own, and what the change touches.

use std::collections::BTreeMap;
use std::path::Path;

use crate::exec::Candidate;
use crate::exec::report::inside_view;
use crate::model::event::ChangedFile;
use crate::model::{BaseTree, FileMode, Import, TreeError};

/// The most modules that are asked for.
const MOST: usize = 200;

/// Names at the root that are not what is tested.
const NOT_TESTED: [&str; 12] = [
    "test", "tests", "testing", "docs", "doc", "examples", "example", "scripts", "tools",
    "conftest", "setup", "noxfile",
];

/// The modules to ask for, by name, with whether the change touches them.
pub(super) fn wanted(
    tree: &dyn BaseTree,
    changed: &[ChangedFile],
) -> Result<BTreeMap<String, bool>, TreeError> {
    let mut modules = BTreeMap::new();
    for file in changed.iter().filter(|file| file.letter != 'D') {
        if let Some(module) = module_of(&file.path) {
            // The package above tells where the whole comes from.
            let top = module.split('.').next().unwrap_or(&module).to_owned();
            if !NOT_TESTED.contains(&top.as_str()) && !is_test(&module) {
                modules.insert(top, true);
                modules.insert(module, true);
            }
        }
    }
    for folder in ["", "src"] {
        for entry in tree.list(folder)? {
            let name = match entry.mode {
                FileMode::Tree if folder == "src" || is_package(tree, folder, &entry.name)? => {
                    entry.name.as_str()
                }
                FileMode::Regular | FileMode::Executable => match entry.name.strip_suffix(".py") {
                    Some(name) => name,
                    None => continue,
                },
                FileMode::Tree | FileMode::Symlink | FileMode::Gitlink => continue,
            };
            if is_name(name) && !NOT_TESTED.contains(&name) && !is_test(name) {
                modules.entry(name.to_owned()).or_insert(false);
            }
        }
    }
    while modules.len() > MOST {
        modules.pop_last();
    }
    Ok(modules)
}

fn is_package(tree: &dyn BaseTree, folder: &str, name: &str) -> Result<bool, TreeError> {
    let above = if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    };
    Ok(tree.entry(&format!("{above}/__init__.py"))?.is_some())
}

/// The dotted name by which a file is imported, from the root or from `src`.
fn module_of(path: &str) -> Option<String> {
    let path = path.strip_suffix(".py")?;
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix("/__init__").unwrap_or(path);
    let parts: Vec<&str> = path.split('/').collect();
    parts
        .iter()
        .all(|part| is_name(part))
        .then(|| parts.join("."))
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    first.is_some_and(|c| c == '_' || c.is_ascii_alphabetic())
        && characters.all(|c| c == '_' || c.is_ascii_alphanumeric())
}

fn is_test(module: &str) -> bool {
    module.split('.').any(|part| {
        part.starts_with("test_")
            || part.ends_with("_test")
            || part == "conftest"
            || part == "tests"
    })
}

/// What the tests told, with files of the candidate's tree by their path in it. While the view
/// still exists.
pub(super) fn told(files: &BTreeMap<String, String>, view: &Candidate) -> Vec<Import> {
    let inside = |file: &str| {
        inside_view(file, view).or_else(|| {
            let relative = Path::new(file).strip_prefix(view.root()).ok()?.to_str()?;
            let installed = relative
                .split('/')
                .any(|part| matches!(part, ".venv" | "venv" | "site-packages"));
            // A package without a file of its own is a folder.
            (!installed && view.holds_folder(relative)).then(|| relative.to_owned())
        })
    };
    files
        .iter()
        .map(|(module, file)| {
            let own = inside(file);
            Import {
                module: module.clone(),
                is_candidate: own.is_some(),
                file: own.unwrap_or_else(|| file.clone()),
                is_changed: false,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_imported_by_its_dotted_name() {
        for (path, module) in [
            ("calc.py", Some("calc")),
            ("src/pkg/core.py", Some("pkg.core")),
            ("pkg/__init__.py", Some("pkg")),
            ("my-tool/run.py", None),
            ("README.md", None),
            ("pkg/2fa.py", None),
        ] {
            assert_eq!(module_of(path).as_deref(), module, "{path}");
        }
    }

    #[test]
    fn what_lies_in_an_environment_is_not_the_candidates() {
        let view = tempfile::tempdir().unwrap();
        for file in [
            "pkg/__init__.py",
            ".venv/lib/site-packages/pkg/__init__.py",
            "ns/a.py",
        ] {
            let path = view.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let at = |path: &str| view.path().join(path).display().to_string();
        for (file, expected, own) in [
            (at("pkg/__init__.py"), "pkg/__init__.py".to_owned(), true),
            (at("ns"), "ns".to_owned(), true),
            (
                at(".venv/lib/site-packages/pkg/__init__.py"),
                at(".venv/lib/site-packages/pkg/__init__.py"),
                false,
            ),
            (
                "/elsewhere/pkg.py".to_owned(),
                "/elsewhere/pkg.py".to_owned(),
                false,
            ),
        ] {
            let files = BTreeMap::from([("pkg".to_owned(), file)]);
            let found = told(&files, &Candidate::at(view.path()));
            assert_eq!(
                (found[0].file.as_str(), found[0].is_candidate),
                (expected.as_str(), own)
            );
        }
    }
}
