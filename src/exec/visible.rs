//! Which files of the machine a sandboxed command may see beside the system's own: tool chains,
//! wherever they are installed, and nothing that stands beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::exec::environment;

/// Folders below the home folder that hold tool chains and package caches, and no credentials.
const BELOW_HOME: [&str; 43] = [
    ".asdf",
    ".bun",
    ".cache/uv",
    ".cargo/bin",
    ".cargo/config",
    ".cargo/config.toml",
    ".cargo/env",
    ".cargo/git",
    ".cargo/registry",
    ".deno",
    ".ghcup",
    ".goenv",
    ".juliaup",
    ".linuxbrew",
    ".local/bin",
    ".local/lib",
    ".local/pipx",
    ".local/share/fnm",
    ".local/share/mise",
    ".local/share/pipx",
    ".local/share/pnpm",
    ".local/share/rtx",
    ".local/share/uv/python",
    ".local/share/uv/tools",
    ".local/share/virtualenvs",
    ".nodenv",
    ".nvm",
    ".opam",
    ".pyenv",
    ".rbenv",
    ".rustup",
    ".rye/py",
    ".rye/self",
    ".rye/shims",
    ".rye/tools",
    ".rye/uv",
    ".sdkman",
    ".virtualenvs",
    ".volta",
    "anaconda3",
    "go",
    "miniconda3",
    "miniforge3",
];
/// What the system shows anyway.
const SHOWN: [&str; 9] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
    "/gnu/store",
];
/// The most hops of a link to an interpreter.
const HOPS: usize = 8;

/// What is visible: each path with its links resolved, and the path.
pub(super) fn visible(
    checkout: &Path,
    environments: &[String],
    home: &Path,
    parent: &BTreeMap<OsString, OsString>,
) -> Vec<(OsString, OsString)> {
    let mut found = Found {
        checkout,
        home,
        paths: BTreeSet::new(),
    };
    for name in BELOW_HOME {
        found.add(home.join(name));
    }
    for (name, path) in environment::tool_chains(parent) {
        match name {
            // These hold credentials too; their harmless parts are in the list above.
            "CARGO_HOME" => {
                for part in ["bin", "registry", "git", "config.toml"] {
                    found.add(path.join(part));
                }
            }
            "PYTHONUSERBASE" => {
                for part in ["bin", "lib"] {
                    found.add(path.join(part));
                }
            }
            _ => found.add(path),
        }
    }
    let search = parent.get(OsStr::new("PATH")).map(OsString::as_os_str);
    for folder in std::env::split_paths(search.unwrap_or_default()) {
        found.add_program_folder(&folder);
    }
    for name in environments {
        found.add_interpreters(&checkout.join(name));
    }
    found
        .paths
        .into_iter()
        .filter_map(|path| {
            let source = path.canonicalize().ok()?;
            Some((source.into_os_string(), path.into_os_string()))
        })
        .collect()
}

struct Found<'a> {
    checkout: &'a Path,
    home: &'a Path,
    paths: BTreeSet<PathBuf>,
}

impl Found<'_> {
    /// Adds a path, unless it is shown anyway or would show more than a tool chain.
    fn add(&mut self, path: PathBuf) {
        let is_too_much = |wide: &Path| wide.starts_with(&path);
        let resolved = environment::canonical(&path);
        let is_private = |path: &Path| is_too_much(self.home) || path.parent().is_none();
        if !path.is_absolute()
            || is_private(&path)
            || is_private(&resolved)
            || is_too_much(self.checkout)
            || self.home.starts_with(&resolved)
            || self.checkout.starts_with(&resolved)
            || resolved.starts_with(self.checkout)
            || SHOWN.iter().any(|shown| path.starts_with(shown))
            || self.paths.iter().any(|known| path.starts_with(known))
            || !path.exists()
            || is_cargo_with_token(&path)
        {
            return;
        }
        self.paths.insert(path);
    }

    /// Adds a folder of the search path, with what belongs to its programs: the folder above a
    /// `bin`, where that is an installation and not somebody's home.
    fn add_program_folder(&mut self, folder: &Path) {
        let installation = folder
            .parent()
            .filter(|_| folder.file_name() == Some(OsStr::new("bin")))
            .filter(|above| {
                ["lib", "libexec", "share", "include"]
                    .iter()
                    .any(|l| above.join(l).is_dir())
            })
            .filter(|above| above.file_name() != Some(OsStr::new(".local")));
        if let Some(installation) = installation {
            self.add(installation.to_owned());
        }
        self.add(folder.to_owned());
    }

    /// Adds the interpreters that a virtual environment's links lead to, and the folders that its
    /// path files name.
    fn add_interpreters(&mut self, environment: &Path) {
        for name in ["python", "python3", "node"] {
            let mut program = environment.join("bin").join(name);
            for _ in 0..HOPS {
                let Ok(link) = fs::read_link(&program) else {
                    break;
                };
                program = program.parent().unwrap_or(Path::new("/")).join(link);
                if let Some(folder) = program.parent() {
                    self.add_program_folder(folder);
                }
            }
        }
        for folder in path_files(environment) {
            self.add(folder);
        }
    }
}

/// Cargo's configuration is needed to find its registries; one that holds a token is not shown.
fn is_cargo_with_token(path: &Path) -> bool {
    let is_configuration = path.parent().and_then(Path::file_name) == Some(OsStr::new(".cargo"))
        && path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"config"));
    // One that cannot be read is not shown either.
    is_configuration && fs::read_to_string(path).map_or(true, |text| text.contains("token"))
}

/// Absolute folders that the `.pth` files of a virtual environment put on Python's path: editable
/// installs of neighbours.
fn path_files(environment: &Path) -> Vec<PathBuf> {
    let entries = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
    entries(environment.join("lib"))
        .flat_map(|version| entries(version.path().join("site-packages")))
        .map(|entry| entry.path())
        .filter(|path| path.extension() == Some(OsStr::new("pth")))
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|text| text.lines().map(PathBuf::from).collect::<Vec<_>>())
        .filter(|path| path.is_absolute() && path.is_dir())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_chains_are_visible_and_what_stands_beside_them_is_not() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().canonicalize().unwrap().join("home");
        let checkout = home.join("project");
        for folder in [
            ".pyenv/versions/3.12/bin",
            ".pyenv/versions/3.12/lib",
            ".cargo/registry",
            ".local/share/uv/python",
            ".local/share/uv/credentials",
            ".rye/py",
            ".ssh",
            ".config",
            "bin",
            "neighbour/src",
            "project/.venv/bin",
            "project/.venv/lib/python3.12/site-packages",
            "project/scripts",
        ] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        fs::write(home.join(".cargo/credentials.toml"), "").unwrap();
        fs::write(
            checkout.join(".venv/lib/python3.12/site-packages/x.pth"),
            format!(
                "{}\nimport os\n{}\n/\n",
                home.join("neighbour/src").display(),
                home.display()
            ),
        )
        .unwrap();
        let search = std::env::join_paths([
            home.join("bin"),
            checkout.join("scripts"),
            home.clone(),
            "/usr/bin".into(),
            "relative".into(),
        ]);
        let parent = BTreeMap::from([
            ("PATH".into(), search.unwrap()),
            ("HOME".into(), home.clone().into_os_string()),
        ]);
        let shown = visible(&checkout, &[".venv".to_owned()], &home, &parent);
        let shown: Vec<String> = shown
            .iter()
            .map(|(_, path)| {
                Path::new(path)
                    .strip_prefix(&home)
                    .unwrap()
                    .display()
                    .to_string()
            })
            .collect();
        let expected = ".cargo/registry .local/share/uv/python .pyenv .rye/py bin neighbour/src";
        assert_eq!(shown.join(" "), expected);
    }
}
