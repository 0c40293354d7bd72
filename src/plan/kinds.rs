//! What kind of file a path names, by its spelling.

/// The last component.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder; empty at the root.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last component without its extensions.
pub(super) fn stem(path: &str) -> &str {
    let name = file_name(path);
    let bare = name.trim_start_matches('.');
    bare.split_once('.').map_or(bare, |(stem, _)| stem)
}

/// The name by which other files mention this one: its stem, or the folder's name where the stem
/// says nothing (`__init__`, `mod`, `index`).
pub(super) fn module(path: &str) -> &str {
    match stem(path) {
        "__init__" | "__main__" | "mod" | "index" | "lib" | "main" => {
            let folder = folder(path);
            if folder.is_empty() {
                stem(path)
            } else {
                file_name(folder)
            }
        }
        stem => stem,
    }
}

/// Whether the path is a test, by name or folder.
pub(super) fn is_test(path: &str) -> bool {
    let in_folder = folder(path)
        .split('/')
        .any(|part| matches!(part, "tests" | "test" | "__tests__" | "spec"));
    is_test_name(file_name(path)) || in_folder
}

/// Whether a file name is that of a test.
pub(super) fn is_test_name(name: &str) -> bool {
    let bare = name.split_once('.').map_or(name, |(stem, _)| stem);
    bare.starts_with("test_")
        || bare.ends_with("_test")
        || bare.ends_with("_spec")
        || name.contains(".test.")
        || name.contains(".spec.")
        || name == "conftest.py"
}

/// Whether the path is documentation.
pub(super) fn is_doc(path: &str) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    let by_extension = [".md", ".rst", ".adoc"]
        .iter()
        .any(|end| name.ends_with(end));
    let in_folder = path
        .split('/')
        .next()
        .is_some_and(|top| matches!(top, "docs" | "doc"));
    by_extension || in_folder && !is_source(path) || is_changelog(path)
}

/// Whether the path is the list of changes.
pub(super) fn is_changelog(path: &str) -> bool {
    let stem = stem(path).to_ascii_lowercase();
    matches!(
        stem.as_str(),
        "changelog" | "changes" | "history" | "news" | "release-notes"
    )
}

/// Whether the path is program text.
pub(super) fn is_source(path: &str) -> bool {
    let extension = file_name(path)
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension);
    matches!(
        extension,
        "py" | "pyi"
            | "pyx"
            | "rs"
            | "js"
            | "jsx"
            | "ts"
            | "tsx"
            | "mjs"
            | "cjs"
            | "go"
            | "c"
            | "h"
            | "cc"
            | "cpp"
            | "hpp"
            | "java"
            | "kt"
            | "rb"
            | "php"
            | "sh"
            | "swift"
            | "cs"
    )
}

/// Whether a path looks like a secret: the scan does not open such a file, even to read.
pub(super) fn looks_secret(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [
        "key",
        "token",
        "secret",
        "credential",
        ".env",
        "id_rsa",
        "password",
        ".pem",
        ".p12",
    ]
    .iter()
    .any(|part| path.contains(part))
}
