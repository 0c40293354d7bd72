//! What the screen needs read or computed: asked for once a frame, done off its task.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::event::PatchRef;
use crate::model::{CommandId, RelPath};
use crate::tui::app::{App, LogMode, Patch, Work};
use crate::tui::diff::Diff;
use crate::tui::log::Place;

/// Something to be read or computed off the screen's task.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    Patch {
        source: PatchRef,
        path: PathBuf,
    },
    Paint {
        diff: Arc<Diff>,
        hunks: Vec<usize>,
    },
    Log {
        command: CommandId,
        path: PathBuf,
        place: Place,
    },
}

impl App {
    /// The file that holds a command's output.
    pub(crate) fn output_path(&self, id: CommandId) -> Option<PathBuf> {
        let command = self.run.commands.iter().rfind(|c| c.start.id == id)?;
        self.inside(command.start.output.as_deref()?)
    }

    /// A file in the run's folder; `None` for a name that would leave it.
    fn inside(&self, name: &str) -> Option<PathBuf> {
        let name = RelPath::parse(name).ok()?;
        Some(self.folder.join(Path::new(name.as_str())))
    }

    /// What must be read or computed for what is on screen. Each kind has at most one job under
    /// way; the next question is about what is visible then, so the newest always wins.
    pub(crate) fn jobs(&mut self) -> Vec<Job> {
        let jobs = [self.patch_job(), self.paint_job(), self.log_job()];
        jobs.into_iter().flatten().collect()
    }

    fn patch_job(&mut self) -> Option<Job> {
        let source = self.patch_wanted()?.clone();
        if self.diff.source.as_ref() == Some(&source) {
            return None;
        }
        self.diff.source = Some(source.clone());
        let Some(path) = self.inside(&source.file) else {
            self.diff.patch = Patch::Failed(format!("not a file of the run: {}", source.file));
            return None;
        };
        if self.diff.diff().is_none() {
            self.diff.patch = Patch::Loading;
        }
        Some(Job::Patch { source, path })
    }

    fn paint_job(&mut self) -> Option<Job> {
        let diff = self.diff.diff()?;
        if self.diff.painting == Work::UnderWay {
            return None;
        }
        let visible = diff.lines.get(self.diff.visible.clone())?;
        let mut hunks: Vec<usize> = visible.iter().filter_map(|l| l.hunk).collect();
        hunks.dedup();
        hunks.retain(|hunk| !self.diff.painted.contains_key(hunk));
        if hunks.is_empty() {
            return None;
        }
        let diff = Arc::clone(diff);
        self.diff.painting = Work::UnderWay;
        Some(Job::Paint { diff, hunks })
    }

    fn log_job(&mut self) -> Option<Job> {
        let LogMode::Output(command) = self.log_shown() else {
            return None;
        };
        if self.log.reading.is_some() {
            return None;
        }
        let have = self.log.window.as_ref().filter(|(id, _)| *id == command);
        let announced = self.log.sizes.get(&command).copied().unwrap_or(0);
        let grown = have.is_some_and(|(_, window)| announced > window.size);
        let place = match (self.log.wanted, have) {
            (Some(place), _) => place,
            (None, None) => Place::Tail,
            (None, Some(_)) if grown && self.log.follow => Place::Tail,
            (None, Some((_, window))) if grown && window.at_end() => Place::Around(self.log.top),
            (None, Some(_)) => return None,
        };
        let Some(path) = self.output_path(command) else {
            self.log.error = Some("this command has no output file".to_owned());
            return None;
        };
        self.log.wanted = None;
        self.log.reading = Some(announced);
        Some(Job::Log {
            command,
            path,
            place,
        })
    }
}
