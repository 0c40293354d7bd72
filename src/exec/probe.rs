//! Finds out whether a tier of isolation works here, by doing the whole set-up once with a command
//! that does nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::exec::sandbox::{Confinement, Enclosure, Restriction, Wrapper};
use crate::exec::{CommandSpec, StopSignal, Supervisor, view};
use crate::model::{ExitKind, Tier};

/// The set-up takes milliseconds; a machine that needs longer than this has other troubles.
const LONGEST: Duration = Duration::from_secs(20);

/// Tries a tier with milton's own program.
///
/// Blocks for some milliseconds. Call it from a thread of a multi-threaded runtime that may block,
/// or from outside of any runtime.
///
/// # Errors
///
/// Why the tier does not work here, in one phrase.
pub fn probe(tier: Tier, program: &Path, bubblewrap: Option<&Path>) -> Result<(), String> {
    if tier == Tier::None {
        return Ok(());
    }
    if !cfg!(target_os = "linux") {
        return Err("the sandbox needs Linux".to_owned());
    }
    let words = |error: std::io::Error| format!("no temporary folder: {error}");
    let place = tempfile::tempdir().map_err(words)?;
    let argv = ["-c", "echo written > here"].map(str::to_owned);
    let wrapper = wrapper(tier, program, bubblewrap, place.path())?;
    let spec = trial(tier, wrapper, place.path(), Path::new("/bin/sh"), &argv).map_err(words)?;
    match run_trial(spec, program)? {
        ExitKind::Exited { code: 0 } => Ok(()),
        ExitKind::NotStarted { reason } => Err(reason),
        ExitKind::Exited { code } => Err(format!("a trial command exited with {code}")),
        ExitKind::Signalled { signal } => Err(format!("a trial command got signal {signal}")),
        ExitKind::TimedOut => Err("a trial command did not end".to_owned()),
        ExitKind::Stopped | ExitKind::OutputLimit => Err("a trial command was ended".to_owned()),
    }
}

/// Bubblewrap, where the tier needs it.
pub(super) fn wrapper(
    tier: Tier,
    program: &Path,
    bubblewrap: Option<&Path>,
    place: &Path,
) -> Result<Wrapper, String> {
    if tier != Tier::Bubblewrap {
        return Ok(Wrapper::default());
    }
    let bubblewrap = bubblewrap.ok_or("there is no program `bwrap` on PATH")?;
    Ok(Wrapper {
        program: bubblewrap.into(),
        milton: program.into(),
        reports: place.join("reports").into(),
    })
}

/// Runs a trial command to its end.
pub(super) fn run_trial(spec: CommandSpec, program: &Path) -> Result<ExitKind, String> {
    let supervisor = Supervisor::new(program.to_owned());
    let finished = wait_for(async move {
        let (progress, _nobody) = watch::channel(0);
        let stop = StopSignal::default();
        supervisor.run(spec, &progress, &stop).await
    })?;
    finished
        .map(|finished| finished.exit)
        .map_err(|error| error.to_string())
}

/// Runs a future to its end from wherever the caller is.
fn wait_for<F: Future>(future: F) -> Result<F::Output, String> {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        return Ok(tokio::task::block_in_place(|| runtime.block_on(future)));
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map(|runtime| runtime.block_on(future))
        .map_err(|error| format!("no runtime: {error}"))
}

/// A command in a checkout of its own, below a folder. Its program is visible to it.
pub(super) fn trial(
    tier: Tier,
    wrapper: Wrapper,
    place: &Path,
    program: &Path,
    arguments: &[String],
) -> std::io::Result<CommandSpec> {
    let place = place.canonicalize()?;
    let folder = |name: &str| -> std::io::Result<PathBuf> {
        let path = place.join(name);
        fs::create_dir(&path)?;
        Ok(path)
    };
    let (checkout, stage) = (folder("checkout")?, folder("stage")?);
    folder("reports")?;
    let enclosure = Enclosure {
        checkout: checkout.clone().into(),
        layers: vec![stage.into(), checkout.clone().into()],
        home: "/home/milton".into(),
        support: folder("support")?.into(),
        visible: vec![(program.into(), program.into())],
        ..Enclosure::default()
    };
    let confinement = match tier {
        Tier::Full => Some(Confinement::Enclosed(enclosure)),
        Tier::Bubblewrap => Some(Confinement::Wrapped(wrapper, enclosure)),
        Tier::Fallback => Some(Confinement::Restricted(Restriction {
            readable: view::system().into_iter().chain([program.into()]).collect(),
            writable: vec![checkout.clone().into(), "/dev/null".into()],
            ..Restriction::default()
        })),
        Tier::None => None,
    };
    Ok(CommandSpec {
        argv: std::iter::once("trial".to_owned())
            .chain(arguments.iter().cloned())
            .collect(),
        program: program.to_owned(),
        cwd: checkout,
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        timeout: LONGEST,
        output: place.join("output.log"),
        output_limit: 1 << 16,
        stdin: Vec::new(),
        reports: Vec::new(),
        confinement: confinement.map(Arc::new),
    })
}
