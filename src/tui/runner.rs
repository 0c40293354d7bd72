//! The loop: waits for keys, updates and finished jobs, and draws at most one frame per
//! [`FRAME`], only when something changed.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use crossterm::event::{Event as Input, EventStream};
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::model::{Digest, ReviewCommand};
use crate::tui::app::{App, Job, Now};
use crate::tui::diff::{self, Diff};
use crate::tui::terminal::{Mouse, Raw, Taken};
use crate::tui::update::{Effect, Msg, settle, update};
use crate::tui::{Error, Outcome, Session, Update, log, view};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(16);
/// The step of the clock while something runs, and of the look whether the terminal is still there.
const SECOND: Duration = Duration::from_secs(1);
/// The most messages that are taken in before a frame is due again.
const BATCH: usize = 1_024;
/// A patch file of more bytes is not loaded: the limits of the policy refuse it long before.
const MAX_PATCH_BYTES: u64 = 64 << 20;

type Out = Taken<std::io::Stdout>;

pub(super) async fn run(
    session: Session,
    mut updates: mpsc::Receiver<Update>,
    commands: mpsc::Sender<ReviewCommand>,
) -> Result<Outcome, Error> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Error::NoTerminal);
    }
    // Under NO_COLOR crossterm writes empty colour parameters, which reset bold and reverse too.
    // The monochrome theme asks for no colour, so the switch is not needed.
    crossterm::style::force_color_output(true);
    let mouse = if session.settings.mouse {
        Mouse::Captured
    } else {
        Mouse::Free
    };
    let size = crossterm::terminal::size()?;
    let mut out = Taken::enter(std::io::stdout(), mouse, Raw::On)?;
    let mut screen = Screen {
        app: App::new(session, size, now()),
        commands,
        // At most one job of each of three kinds is under way, so this is never full.
        done: mpsc::channel(8),
        outcome: None,
    };
    let mut inputs = EventStream::new();
    let mut updates_open = true;
    let mut drawn: Option<Instant> = None;
    let mut dirty = true;
    let mut second = tokio::time::interval(SECOND);
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        if dirty && drawn.is_none_or(|at| at.elapsed() >= FRAME) {
            if screen.frame(&mut out).is_err() {
                // The terminal is gone; what was decided is recorded elsewhere.
                return Ok(Outcome::Left);
            }
            drawn = Some(Instant::now());
            dirty = false;
        }
        let due = drawn.map_or(Duration::ZERO, |at| FRAME.saturating_sub(at.elapsed()));
        tokio::select! {
            input = inputs.next() => {
                let Some(Ok(first)) = input else { return Ok(Outcome::Left) };
                screen.input(first, &mut out);
                for _ in 0..BATCH {
                    match inputs.next().now_or_never() {
                        Some(Some(Ok(next))) => screen.input(next, &mut out),
                        Some(Some(Err(_)) | None) => return Ok(Outcome::Left),
                        None => break,
                    }
                }
                dirty = true;
            }
            first = updates.recv(), if updates_open => {
                match first {
                    Some(first) => screen.take(Msg::Update(first), &mut out),
                    None => {
                        updates_open = false;
                        screen.take(Msg::UpdatesEnded, &mut out);
                    }
                }
                for _ in 0..BATCH {
                    let Ok(next) = updates.try_recv() else { break };
                    screen.take(Msg::Update(next), &mut out);
                }
                dirty = true;
            }
            Some(done) = screen.done.1.recv() => {
                screen.take(done, &mut out);
                dirty = true;
            }
            _ = second.tick() => {
                if terminal_is_gone() {
                    return Ok(Outcome::Left);
                }
                if screen.app.run.is_busy() {
                    screen.take(Msg::Tick, &mut out);
                    dirty = true;
                }
            }
            () = tokio::time::sleep(due), if dirty => {}
        }
        if let Some(outcome) = screen.outcome {
            return Ok(outcome);
        }
    }
}

struct Screen {
    app: App,
    commands: mpsc::Sender<ReviewCommand>,
    done: (mpsc::Sender<Msg>, mpsc::Receiver<Msg>),
    outcome: Option<Outcome>,
}

impl Screen {
    fn frame(&mut self, out: &mut Out) -> std::io::Result<()> {
        settle(&mut self.app);
        for job in self.app.jobs() {
            let done = self.done.0.clone();
            // The handle is not kept: the answer comes through the channel.
            drop(tokio::task::spawn_blocking(move || {
                // A closed channel means that the screen was left meanwhile.
                let _left = done.blocking_send(perform(job));
            }));
        }
        out.draw(|frame| view::draw(&self.app, frame))
    }

    fn input(&mut self, input: Input, out: &mut Out) {
        let msg = match input {
            Input::Key(key) => Msg::Key(key),
            Input::Paste(text) => Msg::Paste(text),
            Input::Mouse(mouse) => Msg::Mouse(mouse),
            Input::FocusGained => Msg::FocusGained,
            Input::FocusLost => return,
            Input::Resize(width, height) => Msg::Resize(width, height),
        };
        self.take(msg, out);
    }

    fn take(&mut self, msg: Msg, out: &mut Out) {
        for effect in update(&mut self.app, msg, now()) {
            match effect {
                Effect::Send(command) => {
                    if self.commands.try_send(command).is_err() {
                        self.app.say("busy: press the key again");
                    }
                }
                Effect::Copy(text) => {
                    if out.copy(&text).is_err() {
                        self.app.say("the terminal did not take the text");
                    }
                }
                Effect::Leave(outcome) => self.outcome = Some(outcome),
            }
        }
    }
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::now(),
    }
}

/// Whether the terminal was closed under us. Reading from it would give an endless end of file.
#[cfg(unix)]
fn terminal_is_gone() -> bool {
    rustix::termios::tcgetattr(std::io::stdin()).is_err()
}

#[cfg(not(unix))]
fn terminal_is_gone() -> bool {
    false
}

/// Does a job, on a thread where waiting is allowed.
fn perform(job: Job) -> Msg {
    match job {
        Job::Patch { source, path } => {
            let result = read_patch(&path).map(|bytes| {
                let matches = Digest::of(&bytes) == source.sha256;
                (Diff::parse(&bytes), matches)
            });
            Msg::Patch { source, result }
        }
        Job::Paint { diff, hunks } => {
            let painted = hunks.into_iter().map(|h| (h, diff::paint(&diff, h)));
            Msg::Painted {
                painted: painted.collect(),
                diff,
            }
        }
        Job::Log {
            command,
            path,
            place,
        } => Msg::Log {
            command,
            result: log::read(&path, place).map_err(|error| error.to_string()),
        },
    }
}

fn read_patch(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > MAX_PATCH_BYTES {
        return Err(format!("{size} bytes are too many to show"));
    }
    std::fs::read(path).map_err(|e| e.to_string())
}
