//! Runs and reviews: wiring driver, screen and printer together.

use std::path::Path;

use tokio::sync::mpsc;

use crate::cli::arguments::{OutputFormat, ReviewArguments, RunArguments, ScreenArguments};
use crate::cli::farewell::farewell;
use crate::cli::wiring::{COMMANDS, UPDATES, joined, listen_for_signals, ports, runtime, wires};
use crate::cli::{inspect, output, sources};
use crate::config::Settings;
use crate::error::{Failure, Signal, review_code, status_code};
use crate::git;
use crate::headless::{self, Printer};
use crate::model::{Decision, ReviewCommand, RunState, Status};
use crate::pipeline::Update;
use crate::pipeline::driver::{Driver, HumanPolicy, Job, RunEnd};
use crate::pipeline::machine::{Attendance, State};
use crate::record::{self, RunFolder, Store, Writer};
use crate::tui;

/// How often a run of another process is looked at.
const FOLLOW_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

/// `milton run`.
pub(super) fn run(
    settings: &Settings,
    repository: Option<&Path>,
    arguments: RunArguments,
) -> Result<u8, Failure> {
    let human = sources::human_policy(settings)?;
    let test = arguments.test.as_deref().map(sources::argv).transpose()?;
    let (source, proposal) = sources::proposal(
        settings,
        arguments.source.patch.as_deref(),
        arguments.source.proposal.as_deref(),
    )?;
    let repository = sources::repository(settings, repository)?;
    let store = sources::store(settings, Some(&repository))?;
    let job = Job {
        request: arguments.request.unwrap_or_default(),
        source,
        proposal,
        topic: arguments.topic,
        base: arguments.base,
        test,
    };
    let view = Viewing::choose(
        settings,
        arguments.headless,
        arguments.format,
        arguments.screen,
    );
    let place = Place {
        repository,
        store,
        human,
    };
    start(settings, place, job, view)
}

/// How a run is watched.
#[derive(Clone, Copy)]
pub(super) enum Viewing {
    /// The review screen.
    Screen(ScreenArguments),
    /// Lines on standard output.
    Lines(headless::Format),
}

impl Viewing {
    /// The screen, unless something asks for lines or there is no terminal.
    pub(super) fn choose(
        settings: &Settings,
        headless: bool,
        format: OutputFormat,
        screen: ScreenArguments,
    ) -> Self {
        match format {
            OutputFormat::Json => Self::Lines(headless::Format::Json),
            OutputFormat::Human if headless || !settings.terminal.output => {
                Self::Lines(headless::Format::Human)
            }
            OutputFormat::Human => Self::Screen(screen),
        }
    }
}

/// Where a run happens, and under whose policy.
pub(super) struct Place {
    pub(super) repository: git::Repository,
    pub(super) store: Store,
    pub(super) human: HumanPolicy,
}

/// Starts a run and watches it to its end.
pub(super) fn start(
    settings: &Settings,
    place: Place,
    job: Job,
    view: Viewing,
) -> Result<u8, Failure> {
    let Place {
        repository,
        store,
        human,
    } = place;
    let attendance = match view {
        Viewing::Screen(_) => Attendance::Attended,
        Viewing::Lines(_) => Attendance::Headless,
    };
    runtime()?.block_on(async {
        let (wires, ends) = wires();
        // Before the run exists, so that no signal can leave one without an end.
        let listener = listen_for_signals(ends.signals)?;
        let writer = store
            .create(jiff::Timestamp::now())
            .map_err(|e| record_failure(&e))?;
        let run = RunState::new(writer.run().clone());
        let folder = writer.folder().clone();
        let driver = Driver::new(
            ports(settings, repository, writer),
            human,
            wires,
            run.clone(),
            State::new(attendance),
        );
        let driver = tokio::spawn(driver.run(job));
        let watched = match view {
            Viewing::Screen(screen) => {
                let session = live_session(settings, run, &folder, screen);
                watch_on_screen(session, ends.updates, ends.commands).await
            }
            Viewing::Lines(format) => {
                drop(ends.commands);
                print_lines(format, run, ends.updates).await
            }
        };
        let end = joined(driver.await)?;
        listener.abort();
        watched?;
        conclude(&end, &folder, view)
    })
}

/// `milton review`.
pub(super) fn review(
    settings: &Settings,
    repository: Option<&Path>,
    arguments: &ReviewArguments,
) -> Result<u8, Failure> {
    let repository = sources::repository(settings, repository)?;
    let store = sources::store(settings, Some(&repository))?;
    let id = match &arguments.run {
        Some(text) => inspect::find(&store, Some(&repository), text)?,
        None => inspect::newest_undecided(&store, &repository)?,
    };
    let folder = store.folder(&id);
    let state = folder.state().map_err(|e| record_failure(&e))?;
    inspect::same_repository(&state, &repository)?;
    if !settings.terminal.output {
        let code = review_code(status_of(&state), state.decision, Signal::Interrupt);
        return inspect::print_run(&folder, state).map(|()| code);
    }
    match store.reopen(&id) {
        Ok(writer) => review_live(settings, repository, writer, arguments.screen),
        Err(record::Error::Busy { .. }) => follow(settings, &folder, state, arguments.screen),
        Err(error) => Err(record_failure(&error)),
    }
}

fn review_live(
    settings: &Settings,
    repository: git::Repository,
    writer: Writer,
    screen: ScreenArguments,
) -> Result<u8, Failure> {
    let folder = writer.folder().clone();
    let human = sources::human_policy(settings)?;
    let run = folder.state().map_err(|e| record_failure(&e))?;
    runtime()?.block_on(async {
        let (wires, ends) = wires();
        let listener = listen_for_signals(ends.signals)?;
        let machine = State::reviewing(status_of(&run), run.decision, run.branch.is_some());
        let driver = Driver::new(
            ports(settings, repository, writer),
            human,
            wires,
            run.clone(),
            machine,
        );
        let driver = tokio::spawn(driver.review());
        let session = live_session(settings, run, &folder, screen);
        let watched = watch_on_screen(session, ends.updates, ends.commands).await;
        let end = joined(driver.await)?;
        listener.abort();
        watched?;
        conclude(&end, &folder, Viewing::Screen(screen))
    })
}

/// Shows a run that another milton is writing.
fn follow(
    settings: &Settings,
    folder: &RunFolder,
    run: RunState,
    screen: ScreenArguments,
) -> Result<u8, Failure> {
    let seen = run.last_seq;
    runtime()?.block_on(async {
        let (updates_in, updates) = mpsc::channel(UPDATES);
        let (commands, _nobody_listens) = mpsc::channel(COMMANDS);
        let mut follower = folder.follow();
        let following = tokio::spawn(async move {
            loop {
                let events = follower.poll().unwrap_or_default();
                for event in events.into_iter().filter(|event| event.seq > seen) {
                    if updates_in
                        .send(Update::Event(Box::new(event)))
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                tokio::time::sleep(FOLLOW_EVERY).await;
            }
        });
        let session = tui::Session {
            run,
            folder: folder.path(""),
            mode: tui::Mode::ReadOnly {
                reason: "another milton works on this run: following it".to_owned(),
            },
            settings: screen_settings(settings, screen),
        };
        let watched = tui::run(session, updates, commands)
            .await
            .map_err(|e| screen_failure(&e));
        following.abort();
        watched.map(|_| crate::error::EXIT_UNDECIDED)
    })
}

/// `milton abandon`.
pub(super) fn abandon(
    settings: &Settings,
    repository: Option<&Path>,
    run: &str,
) -> Result<u8, Failure> {
    decide(
        settings,
        repository,
        run,
        ReviewCommand::Abandon,
        Decision::Abandoned,
    )
}

/// `milton restore`.
pub(super) fn restore(
    settings: &Settings,
    repository: Option<&Path>,
    run: &str,
) -> Result<u8, Failure> {
    decide(
        settings,
        repository,
        run,
        ReviewCommand::Restore,
        Decision::Pending,
    )
}

/// Carries out one decision without a screen.
fn decide(
    settings: &Settings,
    repository: Option<&Path>,
    run: &str,
    command: ReviewCommand,
    wanted: Decision,
) -> Result<u8, Failure> {
    let repository = sources::repository(settings, repository)?;
    let store = sources::store(settings, Some(&repository))?;
    let id = inspect::find(&store, Some(&repository), run)?;
    let writer = store.reopen(&id).map_err(|e| record_failure(&e))?;
    let folder = writer.folder().clone();
    let human = sources::human_policy(settings)?;
    let run = folder.state().map_err(|e| record_failure(&e))?;
    inspect::same_repository(&run, &repository)?;
    let possible = match wanted {
        Decision::Abandoned => run.decision == Decision::Pending,
        Decision::Pending => run.decision == Decision::Abandoned,
        Decision::Approved | Decision::ChangesRequested => false,
    };
    if !possible {
        return Err(Failure::usage(
            format!("run {} is {}", run.run, run.decision),
            "milton list shows where each run stands",
        ));
    }
    let seen_notices = run.notices.len();
    let end = runtime()?.block_on(async {
        let (wires, ends) = wires();
        let machine = State::reviewing(status_of(&run), run.decision, run.branch.is_some());
        let driver = Driver::new(
            ports(settings, repository, writer),
            human,
            wires,
            run,
            machine,
        );
        // The channel holds both; the driver takes them in order.
        ends.commands.send(command).await.ok();
        drop(ends.commands);
        drop(ends.updates);
        drop(ends.signals);
        driver.review().await
    })?;
    let run = end.run;
    if let Some((text, hint)) = run.notices.get(seen_notices) {
        return Err(Failure::run(Status::GitError, text.clone(), hint.clone()));
    }
    let branch = run
        .branch
        .as_ref()
        .map_or_else(|| "(no branch)".to_owned(), ToString::to_string);
    let line = match &run.kept_as {
        Some(kept) => format!(
            "abandoned {branch}; its tip is kept as {kept}\ntake it back: milton restore {}\n",
            run.run
        ),
        None if wanted == Decision::Abandoned => {
            format!("abandoned run {}; it had no branch\n", run.run)
        }
        None => format!("restored {branch}\nreview it: milton review {}\n", run.run),
    };
    output::print(&line)?;
    Ok(0)
}

async fn watch_on_screen(
    session: tui::Session,
    updates: mpsc::Receiver<Update>,
    commands: mpsc::Sender<ReviewCommand>,
) -> Result<(), Failure> {
    let leaving = commands.clone();
    let watched = tui::run(session, updates, commands).await;
    // Whatever ended the screen: a run that works is stopped, a review is kept for later.
    leaving.send(ReviewCommand::Stop).await.ok();
    watched.map(|_| ()).map_err(|e| screen_failure(&e))
}

fn live_session(
    settings: &Settings,
    run: RunState,
    folder: &RunFolder,
    screen: ScreenArguments,
) -> tui::Session {
    tui::Session {
        run,
        folder: folder.path(""),
        mode: tui::Mode::Live,
        settings: screen_settings(settings, screen),
    }
}

fn screen_settings(settings: &Settings, screen: ScreenArguments) -> tui::ScreenSettings {
    tui::ScreenSettings {
        no_color: settings.no_color,
        theme: screen.theme.into(),
        mouse: !screen.no_mouse,
    }
}

/// Prints events as they come. A reader that went away does not end the run; a disk that is full
/// does not either, but it is told.
async fn print_lines(
    format: headless::Format,
    mut run: RunState,
    mut updates: mpsc::Receiver<Update>,
) -> Result<(), Failure> {
    let mut printer = Printer::new(std::io::stdout(), format);
    let mut written = Ok(());
    while let Some(update) = updates.recv().await {
        match update {
            Update::Event(event) => {
                run.apply(&event);
                written = written.and_then(|()| printer.event(&event));
            }
            Update::Output { .. } => {}
            Update::Closed => break,
        }
    }
    if run.status.is_some() {
        written = written.and_then(|()| printer.finish(&run));
    }
    // The record is complete without the printed lines, so the exit code stays the run's own.
    if let Err(error) = written
        && !output::is_gone(&error)
    {
        output::failure(&Failure::usage(
            format!("cannot write to standard output: {error}"),
            format!("the record is complete: milton show {}", run.run),
        ));
    }
    Ok(())
}

/// The exit code, and on a terminal a few lines that stay when the screen is gone.
fn conclude(end: &RunEnd, folder: &RunFolder, view: Viewing) -> Result<u8, Failure> {
    let run = &end.run;
    let signal = end.signal.unwrap_or(Signal::Interrupt);
    match view {
        Viewing::Lines(_) => Ok(status_code(status_of(run), signal)),
        Viewing::Screen(_) => {
            output::print(&farewell(run, folder))?;
            Ok(review_code(status_of(run), run.decision, signal))
        }
    }
}

/// A run without a status was cut off before it could record one.
pub(super) fn status_of(run: &RunState) -> Status {
    run.status.unwrap_or(Status::Stopped)
}

pub(super) fn record_failure(error: &record::Error) -> Failure {
    Failure::usage(error.to_string(), error.hint())
}

fn screen_failure(error: &tui::Error) -> Failure {
    Failure::usage(
        error.to_string(),
        "use --headless where there is no terminal",
    )
}
