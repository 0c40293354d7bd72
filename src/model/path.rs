//! Paths inside the repository and file modes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A well-formed path relative to the repository's root: `/` between components, no empty, `.` or
/// `..` component, no NUL, not absolute.
///
/// Being a `RelPath` says nothing about the policy: hostile spellings (control characters,
/// `.git`, look-alikes) are judged by `policy::paths` on the text as it was proposed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RelPath(String);

/// The text is not a relative path inside the repository.
#[derive(Debug, thiserror::Error)]
#[error("not a path inside the repository: {0:?}")]
pub struct RelPathError(String);

impl RelPath {
    /// Parses a path exactly as written.
    pub fn parse(text: &str) -> Result<Self, RelPathError> {
        let bad = text.is_empty()
            || text.contains('\0')
            || text.split('/').any(|c| matches!(c, "" | "." | ".."));
        if bad {
            Err(RelPathError(text.to_owned()))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The extension of the last component, without the dot.
    pub fn extension(&self) -> Option<&str> {
        let (stem, extension) = self.file_name().rsplit_once('.')?;
        (!stem.is_empty()).then_some(extension)
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for RelPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RelPath {
    type Error = RelPathError;
    fn try_from(text: String) -> Result<Self, RelPathError> {
        Self::parse(&text)
    }
}

impl From<RelPath> for String {
    fn from(path: RelPath) -> Self {
        path.0
    }
}

/// The mode of a tree entry, as git writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FileMode {
    /// An ordinary file.
    #[serde(rename = "100644")]
    Regular,
    /// An executable file.
    #[serde(rename = "100755")]
    Executable,
    /// A symbolic link.
    #[serde(rename = "120000")]
    Symlink,
    /// A submodule.
    #[serde(rename = "160000")]
    Gitlink,
    /// A directory.
    #[serde(rename = "040000")]
    Tree,
}

impl FileMode {
    /// Parses git's octal text (`100644`).
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "100644" => Some(Self::Regular),
            "100755" => Some(Self::Executable),
            "120000" => Some(Self::Symlink),
            "160000" => Some(Self::Gitlink),
            "040000" | "40000" => Some(Self::Tree),
            _ => None,
        }
    }

    /// Git's octal text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Gitlink => "160000",
            Self::Tree => "040000",
        }
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_inside_the_repository_parse() {
        for bad in ["", "/x", "x/", "a//b", "./x", "a/../b", "..", "a\0b"] {
            assert!(RelPath::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "a b/ü.py", ".env", "-A"] {
            assert!(RelPath::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn modes_round_trip() {
        for mode in ["100644", "100755", "120000", "160000", "040000"] {
            assert_eq!(FileMode::parse(mode).unwrap().as_str(), mode);
        }
    }
}
