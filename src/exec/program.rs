//! Finds the program of a command, never inside the repository.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use rustix::fs::Access;

use crate::exec::environment::{canonical, search_path};
use crate::exec::{Error, View};

/// Finds the program that a plan names: on the view's search path for a bare name, else at the
/// path that is written.
///
/// A program that the proposal could have written is refused: it must lie outside the checkout and
/// the view, or below a path that was linked into the view (`.venv/bin/pytest`). The result keeps
/// its links, because an interpreter finds its virtual environment by the path it is called by.
///
/// # Errors
///
/// [`Error::ProgramNotFound`] and [`Error::ProgramInside`].
pub fn resolve_program(
    name: &str,
    view: &View,
    search_path_of_human: Option<&OsStr>,
    checkout: &Path,
) -> Result<PathBuf, Error> {
    let not_found = || Error::ProgramNotFound {
        name: name.to_owned(),
    };
    if name.is_empty() || name.contains('\0') {
        return Err(not_found());
    }
    if !name.contains('/') {
        return search_path(view, checkout, search_path_of_human)
            .into_iter()
            .map(|folder| folder.join(name))
            .find(|path| is_program(path) && is_trusted(path, view, checkout))
            .ok_or_else(not_found);
    }
    let path = view.root.join(name);
    if !is_trusted(&path, view, checkout) {
        return Err(Error::ProgramInside {
            name: name.to_owned(),
        });
    }
    is_program(&path).then_some(path).ok_or_else(not_found)
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}

/// Whether the proposal cannot have written the program.
fn is_trusted(path: &Path, view: &View, checkout: &Path) -> bool {
    if path.components().any(|part| part == Component::ParentDir) {
        return false;
    }
    let below = |path: &Path, folder: &Path| {
        let linked = view
            .linked
            .iter()
            .any(|name| path.starts_with(folder.join(name)));
        (path.starts_with(folder), linked)
    };
    let resolved = canonical(path);
    let folders = [
        view.root.clone(),
        checkout.to_owned(),
        canonical(&view.root),
        canonical(checkout),
    ];
    // As written and with links resolved: inside only where it is below a linked path.
    [path, &resolved].into_iter().all(|path| {
        folders.iter().all(|folder| match below(path, folder) {
            (true, linked) => linked,
            (false, _) => true,
        })
    })
}
