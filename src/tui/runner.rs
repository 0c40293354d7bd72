//! The loop: waits for keys, updates and finished jobs, and draws at most one frame per
//! [`FRAME`], only when something changed.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use crossterm::event::Event as Input;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::model::{Digest, ReviewCommand};
use crate::tui::app::{App, Now};
use crate::tui::diff::{self, Diff};
use crate::tui::input::{Inputs, terminal_is_gone};
use crate::tui::jobs::Job;
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
    // Keys come from the controlling terminal where standard input brings the proposal.
    let has_keys = std::io::stdin().is_terminal() || std::fs::File::open("/dev/tty").is_ok();
    if !has_keys || !std::io::stdout().is_terminal() {
        return Err(Error::NoTerminal);
    }
    // Under NO_COLOR crossterm writes empty colour parameters, which reset bold and reverse too.
    // The monochrome theme asks for no colour, so the switch is not needed.
    crossterm::style::force_color_output(true);
    // At most one job of each of three kinds is under way, so this is never full.
    let (done, mut finished) = mpsc::channel(8);
    let mut screen = Screen::open(session, commands, done)?;
    let mut inputs = Inputs::open()?;
    let mut updates_open = true;
    let mut second = tokio::time::interval(SECOND);
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while screen.outcome.is_none() {
        let Ok(due) = screen.frame_if_due() else {
            // The terminal is gone; what was decided is recorded elsewhere.
            return Ok(Outcome::Left);
        };
        tokio::select! {
            input = inputs.next() => screen.inputs(input),
            first = updates.recv(), if updates_open => {
                updates_open = first.is_some();
                screen.updates(first, &mut updates);
            }
            Some(msg) = finished.recv() => screen.take(msg),
            _ = second.tick() => screen.second(),
            () = tokio::time::sleep(due.unwrap_or_default()), if due.is_some() => {}
        }
    }
    Ok(screen.outcome.unwrap_or(Outcome::Left))
}

struct Screen {
    app: App,
    out: Out,
    commands: mpsc::Sender<ReviewCommand>,
    done: mpsc::Sender<Msg>,
    /// When the last frame was drawn.
    drawn: Option<Instant>,
    /// Whether something changed since then.
    dirty: bool,
    outcome: Option<Outcome>,
}

impl Screen {
    fn open(
        session: Session,
        commands: mpsc::Sender<ReviewCommand>,
        done: mpsc::Sender<Msg>,
    ) -> Result<Self, Error> {
        let mouse = if session.settings.mouse {
            Mouse::Captured
        } else {
            Mouse::Free
        };
        let size = crossterm::terminal::size()?;
        Ok(Self {
            out: Taken::enter(std::io::stdout(), mouse, Raw::On)?,
            app: App::new(session, size, now()),
            commands,
            done,
            drawn: None,
            dirty: true,
            outcome: None,
        })
    }

    /// Draws when something changed and the last frame is old enough; otherwise the answer is
    /// when to draw, if at all.
    fn frame_if_due(&mut self) -> std::io::Result<Option<Duration>> {
        if !self.dirty {
            return Ok(None);
        }
        let wait = self
            .drawn
            .map_or(Duration::ZERO, |at| FRAME.saturating_sub(at.elapsed()));
        if !wait.is_zero() {
            return Ok(Some(wait));
        }
        settle(&mut self.app);
        for job in self.app.jobs() {
            let done = self.done.clone();
            // The handle is not kept: the answer comes through the channel.
            drop(tokio::task::spawn_blocking(move || {
                // A closed channel means that the screen was left meanwhile.
                let _left = done.blocking_send(perform(job));
            }));
        }
        self.out.draw(|frame| view::draw(&self.app, frame))?;
        self.drawn = Some(Instant::now());
        self.dirty = false;
        Ok(None)
    }

    /// Takes what the terminal reports; `None` is its end.
    fn inputs(&mut self, inputs: Option<Vec<Input>>) {
        match inputs {
            Some(inputs) => inputs.into_iter().for_each(|input| self.input(input)),
            // Nobody can decide anything any more.
            None => self.outcome = Some(Outcome::Left),
        }
    }

    fn input(&mut self, input: Input) {
        let msg = match input {
            Input::Key(key) => Msg::Key(key),
            Input::Paste(text) => Msg::Paste(text),
            Input::Mouse(mouse) => Msg::Mouse(mouse),
            Input::FocusGained => Msg::FocusGained,
            Input::FocusLost => return,
            Input::Resize(width, height) => Msg::Resize(width, height),
        };
        self.take(msg);
    }

    /// Takes an update and all that came with it; `None` is their end.
    fn updates(&mut self, first: Option<Update>, more: &mut mpsc::Receiver<Update>) {
        let Some(first) = first else {
            self.take(Msg::UpdatesEnded);
            return;
        };
        self.take(Msg::Update(first));
        for _ in 0..BATCH {
            let Ok(next) = more.try_recv() else { return };
            self.take(Msg::Update(next));
        }
    }

    fn second(&mut self) {
        if terminal_is_gone() {
            self.outcome = Some(Outcome::Left);
        } else if self.app.run.is_busy() {
            self.take(Msg::Tick);
        }
    }

    fn take(&mut self, msg: Msg) {
        self.dirty = true;
        for effect in update(&mut self.app, msg, now()) {
            match effect {
                Effect::Send(command) => {
                    if self.commands.try_send(command).is_err() {
                        self.app.say("busy: press the key again");
                    }
                }
                Effect::Copy(text) => {
                    if self.out.copy(&text).is_err() {
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

/// Does a job, on a thread where waiting is allowed.
pub(super) fn perform(job: Job) -> Msg {
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

#[cfg(test)]
mod tests;
