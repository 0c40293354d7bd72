//! The test view of the sandbox: the real checkout at its own path, with what the candidate has
//! other laid over it, and the tool chains that it needs.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode};

use crate::exec::environment;
use crate::exec::sandbox::{
    Confinement, Enclosure, Limits, REPORTS_INSIDE, SUPPORT_INSIDE, Wrapper,
};
use crate::exec::visible::visible;
use crate::exec::{Error, View};
use crate::model::{SandboxReport, Tier};

/// Where the command's home stands when the human's is of no use.
const NO_HOME: &str = "/home/milton";

/// What [`confined_view`] starts from. Paths are absolute and have their links resolved.
#[derive(Clone, Debug)]
pub struct ConfinedRequest<'a> {
    /// Where the view stands: the checkout.
    pub checkout: &'a Path,
    /// A folder that holds the candidate's files which differ from the checkout's; or all of them.
    pub stage: PathBuf,
    /// What is to be hidden of the checkout, relative to it; `None` when the checkout is not to be
    /// seen at all and the stage holds everything.
    pub hidden: Option<&'a [String]>,
    /// Files of the checkout that are shown empty.
    pub emptied: &'a [String],
    /// Environments of the checkout (`.venv`, `node_modules`).
    pub environments: &'a [String],
    /// The environment milton was started with.
    pub parent_env: &'a BTreeMap<OsString, OsString>,
    /// Milton's own program and bubblewrap, when that makes the sandbox.
    pub wrapped_by: Option<(&'a Path, &'a Path)>,
    /// A private folder for what is handed to the command; created here.
    pub scratch: &'a Path,
}

/// Completes the stage and describes the sandbox.
///
/// # Errors
///
/// When a folder or a mark cannot be made.
pub fn confined_view(request: &ConfinedRequest<'_>) -> Result<View, Error> {
    let support = request.scratch.join("support");
    make(&support)?;
    let mut layers = vec![request.stage.clone()];
    if let Some(hidden) = request.hidden {
        for path in hidden {
            hide(&request.stage, request.checkout, Path::new(path))?;
        }
        for path in request.emptied {
            empty(&request.stage.join(path))?;
        }
        layers.push(request.checkout.to_owned());
    }
    let home = home(request.parent_env);
    let mut view = View {
        root: request.checkout.to_owned(),
        sandbox: report(request.wrapped_by.is_some()),
        env: Vec::new(),
        linked: match request.hidden {
            Some(_) => request.environments.to_vec(),
            None => Vec::new(),
        },
        reports: REPORTS_INSIDE.into(),
        support: SUPPORT_INSIDE.into(),
        support_outside: support.clone(),
        confinement: None,
    };
    view.env = environment::confined(&view, request.checkout, &home, request.parent_env);
    let enclosure = Enclosure {
        checkout: request.checkout.into(),
        layers: layers.into_iter().map(Into::into).collect(),
        visible: visible(request.checkout, &view.linked, &home, request.parent_env),
        home: home.into(),
        support: support.into(),
        limits: Limits::default(),
    };
    view.confinement = Some(Arc::new(match request.wrapped_by {
        None => Confinement::Enclosed(enclosure),
        Some((milton, bubblewrap)) => {
            let reports = request.scratch.join("reports");
            make(&reports)?;
            let wrapper = Wrapper {
                program: bubblewrap.into(),
                milton: milton.into(),
                reports: reports.into(),
            };
            Confinement::Wrapped(wrapper, enclosure)
        }
    }));
    Ok(view)
}

fn report(is_wrapped: bool) -> SandboxReport {
    if !is_wrapped {
        return SandboxReport {
            tier: Tier::Full,
            gaps: Vec::new(),
        };
    }
    let gaps = [
        "memory of all processes together and the files they write are not limited as a whole",
        "attempts to reach the network and files that the tests changed are not listed",
    ];
    SandboxReport {
        tier: Tier::Bubblewrap,
        gaps: gaps.map(str::to_owned).to_vec(),
    }
}

/// The human's home folder, by its path alone: inside it is empty.
fn home(parent: &BTreeMap<OsString, OsString>) -> PathBuf {
    let home = parent.get(OsStr::new("HOME")).map(PathBuf::from);
    home.filter(|home| home.is_absolute() && home.components().count() > 1)
        .unwrap_or_else(|| NO_HOME.into())
}

/// Marks a path of the checkout as absent. Where the stage has something below it, what the
/// checkout has beside that is marked, one by one.
fn hide(stage: &Path, checkout: &Path, path: &Path) -> Result<(), Error> {
    let mark = stage.join(path);
    match fs::symlink_metadata(&mark) {
        Err(_) => {
            if let Some(parent) = mark.parent() {
                make(parent)?;
            }
            let none = Mode::empty();
            rustix::fs::mknodat(CWD, &mark, FileType::CharacterDevice, none, 0)
                .map_err(|error| failed(&mark, error.into()))
        }
        Ok(found) if found.is_dir() => {
            let below = checkout.join(path);
            // Gone, or no folder: then the stage's own folder stands in its place.
            let Ok(entries) = fs::read_dir(&below) else {
                return Ok(());
            };
            for entry in entries {
                let entry = entry.map_err(|error| failed(&below, error))?;
                hide(stage, checkout, &path.join(entry.file_name()))?;
            }
            Ok(())
        }
        // The candidate's own file stands there.
        Ok(_) => Ok(()),
    }
}

/// Shows an empty file in the place of one that holds credentials.
fn empty(path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        make(parent)?;
    }
    fs::write(path, "").map_err(|error| failed(path, error))
}

fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::View {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    use super::*;

    #[test]
    fn a_hidden_folder_is_marked_once_or_beside_what_the_stage_has_in_it() {
        let place = tempfile::tempdir().unwrap();
        let (stage, checkout) = (place.path().join("stage"), place.path().join("checkout"));
        fs::create_dir_all(stage.join("both")).unwrap();
        fs::write(stage.join("both/kept"), "").unwrap();
        for folder in ["gone/deep", "both/deep"] {
            fs::create_dir_all(checkout.join(folder)).unwrap();
        }
        fs::write(checkout.join("both/kept"), "old").unwrap();
        for path in ["gone", "both"] {
            hide(&stage, &checkout, Path::new(path)).unwrap();
        }
        let is_mark = |path: &str| {
            let found = fs::symlink_metadata(stage.join(path)).unwrap();
            found.file_type().is_char_device() && found.rdev() == 0
        };
        assert!(is_mark("gone") && is_mark("both/deep") && !is_mark("both/kept"));
    }
}
