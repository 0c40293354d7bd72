//! `milton demo`: a complete upgrade on a small project that it makes itself.

use std::path::{Path, PathBuf};

use crate::cli::arguments::{DemoArguments, OutputFormat};
use crate::cli::session::{self, Place, Viewing};
use crate::cli::{output, sources};
use crate::config::Settings;
use crate::error::Failure;
use crate::git;
use crate::model::Status;
use crate::pipeline::driver::{Job, ProposalText};
use crate::record::Store;

/// The files of the demo project.
const FILES: [(&str, &str); 5] = [
    ("README.md", include_str!("../../assets/demo/README.md")),
    ("invoice.py", include_str!("../../assets/demo/invoice.py")),
    (
        "tests/test_invoice.py",
        include_str!("../../assets/demo/test_invoice.py"),
    ),
    ("tests/run.sh", include_str!("../../assets/demo/run.sh")),
    ("pytest.ini", include_str!("../../assets/demo/pytest.ini")),
];

/// The proposal: what a coding agent might hand in.
const PATCH: &str = include_str!("../../assets/demo/rounding.patch");
const REQUEST: &str =
    "Round invoice totals half up, as the tax office asks, instead of half to even";

/// `milton demo`.
pub(super) fn demo(settings: &Settings, arguments: &DemoArguments) -> Result<u8, Failure> {
    let place = make_place()?;
    let project = place.join("invoices");
    git::create_repository(&project, &FILES, "Invoice totals")
        .map_err(|error| Failure::run(Status::GitError, error.to_string(), error.hint()))?;
    let repository = sources::repository(settings, Some(&project))?;
    let store = Store::open(&place.join("runs"), std::slice::from_ref(&project))
        .map_err(|e| session::record_failure(&e))?;
    let test = test_command(settings)?;
    let job = Job {
        request: REQUEST.to_owned(),
        source: "demo patch".to_owned(),
        proposal: ProposalText::Patch(PATCH.as_bytes().to_vec()),
        topic: Some("round-half-up".to_owned()),
        base: None,
        test,
    };
    let human = sources::human_policy(settings)?;
    let view = Viewing::choose(
        settings,
        arguments.headless,
        OutputFormat::Human,
        arguments.screen,
    );
    let here = Place {
        repository,
        store,
        human,
    };
    let code = session::start(settings, here, job, view)?;
    output::print(&format!(
        "the demo project is {project}, its runs are in {runs}\n\
         open it again: MILTON_STATE_DIR={runs} milton --repo {project} review\n\
         remove both:   rm -r {place}\n",
        project = project.display(),
        runs = place.join("runs").display(),
        place = place.display(),
    ))?;
    Ok(code)
}

/// A folder that stays, so that the reviewer can look at the branch and merge it.
fn make_place() -> Result<PathBuf, Failure> {
    tempfile::Builder::new()
        .prefix("milton-demo-")
        .tempdir()
        .map(tempfile::TempDir::keep)
        .and_then(|dir| dir.canonicalize())
        .map_err(|error| {
            Failure::usage(
                format!("cannot make a temporary folder: {error}"),
                "set TMPDIR to a folder that can be written",
            )
        })
}

/// pytest where it works; otherwise a test script that needs only `sh`, and the way to get pytest.
fn test_command(settings: &Settings) -> Result<Option<Vec<String>>, Failure> {
    if crate::cli::doctor::find_pytest(settings)?.is_some() {
        return Ok(None);
    }
    output::print(
        "pytest is not installed here, so the demo uses its own test script, which needs only sh.\n\
         To see it with pytest: python3 -m pip install pytest\n",
    )?;
    Ok(Some(vec![
        "sh".to_owned(),
        Path::new("tests").join("run.sh").display().to_string(),
    ]))
}
