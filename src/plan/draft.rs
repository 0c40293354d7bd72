//! A proposal applied to the base commit, strictly: what fits, and exactly what does not.

use super::overlay::{Overlay, Slot};
use super::patch::{FilePatch, LineKind, Target};
use super::{Edits, Proposal, apply, edits};
use crate::model::{BaseTree, ChangeSet, FileMode, FileState, LineStat, TreeError};

/// What a proposal makes of the base commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Every file that the proposal changes. A file with a failure is in here as well, with the
    /// lines it asked for, so that the policy can judge all of it; it must never be committed.
    pub changes: ChangeSet,
    /// What could not be applied; anything in here ends the run before a commit is built.
    pub failures: Vec<ApplyFailure>,
}

/// A part of a proposal that does not fit the base commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyFailure {
    /// The path, as proposed.
    pub path: String,
    /// What does not fit: a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// The failing hunk beside the base, line by line; bounded, control characters spelled out.
    pub detail: Vec<String>,
}

/// Applies a proposal to the base commit: exact content at the exact line, or a failure.
///
/// There is no fuzz and no search: where the lines of a hunk are found elsewhere in the file, the
/// failure says so and nothing is moved. Fails only when the base cannot be read.
pub fn draft(proposal: &Proposal, base: &dyn BaseTree) -> Result<Draft, TreeError> {
    let mut overlay = Overlay::new(base);
    match &proposal.edits {
        Edits::List(list) => edits::apply(list, &mut overlay)?,
        Edits::Patch(patch) => apply_patch(&patch.files, &mut overlay)?,
    }
    Ok(overlay.finish())
}

fn apply_patch(files: &[FilePatch], overlay: &mut Overlay<'_>) -> Result<(), TreeError> {
    for file in files {
        match &file.target {
            Target::Create(path) => {
                let slot = overlay.slot(path)?;
                slot.place(FileState::proposed(file.mode(None), Vec::new()), None);
                file.rewrite(slot);
            }
            Target::Edit(path) => {
                let slot = overlay.slot(path)?;
                if slot.before.is_none() && file.may_create() {
                    slot.place(FileState::proposed(FileMode::Regular, Vec::new()), None);
                }
                file.rewrite(slot);
            }
            Target::Delete(path) => {
                let slot = overlay.slot(path)?;
                // The hunk must hold the whole file: what it removes has to be what is there.
                file.rewrite(slot);
                let left = slot.now.as_ref().map_or(0, |state| state.size);
                if left > 0 && slot.failed.is_none() && !file.binary {
                    slot.fail(incomplete_delete(path));
                }
                slot.now = None;
            }
            Target::Rename { from, to } => {
                let source = overlay.slot(from)?;
                let state = source.now.take();
                if state.is_none() {
                    source.fail(edits::missing(source));
                }
                place_moved(file, overlay.slot(to)?, state, Some(from));
            }
            Target::Copy { from, to } => {
                let source = overlay.slot(from)?;
                let state = source.before.clone();
                if state.is_none() {
                    source.fail(edits::missing(source));
                }
                place_moved(file, overlay.slot(to)?, state, None);
            }
        }
    }
    Ok(())
}

fn place_moved(file: &FilePatch, slot: &mut Slot, state: Option<FileState>, from: Option<&str>) {
    let found = state.is_some();
    let state = state.unwrap_or_else(|| FileState::proposed(FileMode::Regular, Vec::new()));
    slot.place(state, from);
    if found {
        file.rewrite(slot);
    } else {
        file.show_unapplied(slot);
    }
}

fn incomplete_delete(path: &str) -> ApplyFailure {
    ApplyFailure {
        path: path.to_owned(),
        message: "the patch deletes the file but does not hold all of its lines".to_owned(),
        hint: "make the patch again on the base commit".to_owned(),
        detail: Vec::new(),
    }
}

impl FilePatch {
    /// The mode afterwards.
    fn mode(&self, kept: Option<FileMode>) -> FileMode {
        self.new_mode.or(kept).unwrap_or(FileMode::Regular)
    }

    /// A plain diff with no old lines makes a file that is not there.
    fn may_create(&self) -> bool {
        self.hunks.iter().all(|hunk| hunk.old_count == 0)
            && !self.hunks.is_empty()
            && self.old_mode.is_none()
    }

    /// Applies mode and hunks to the file in a slot.
    fn rewrite(&self, slot: &mut Slot) {
        let Some(state) = slot.now.clone() else {
            slot.fail(edits::missing(slot));
            self.show_unapplied(slot);
            return;
        };
        if let Some(expected) = self.old_mode.filter(|mode| *mode != state.mode) {
            slot.fail(other_mode(&slot.path, expected, state.mode));
        }
        let mode = self.mode(Some(state.mode));
        if self.binary {
            // The readable part of such a section holds no content. One NUL byte stands for it:
            // the policy sees that the file is binary and refuses it for that reason.
            slot.now = Some(FileState::proposed(mode, vec![0]));
            return;
        }
        if self.hunks.is_empty() {
            slot.now = Some(FileState { mode, ..state });
            return;
        }
        let Some(content) = &state.content else {
            slot.fail(edits::too_large(&slot.path));
            self.show_unapplied(slot);
            return;
        };
        match apply::apply(&slot.path, content, &self.hunks) {
            Ok(new) => slot.now = Some(FileState::proposed(mode, new)),
            Err(failures) => {
                for failure in failures {
                    slot.fail(failure);
                }
                self.show_unapplied(slot);
            }
        }
    }

    /// Leaves what the hunks ask for in the slot, counted, for the policy to judge.
    fn show_unapplied(&self, slot: &mut Slot) {
        let mut stat = LineStat::default();
        let mut content = Vec::new();
        for hunk in &self.hunks {
            for (kind, text) in hunk.lines() {
                match kind {
                    LineKind::Context => {}
                    LineKind::Removed => stat.removed += 1,
                    LineKind::Added => {
                        stat.added += 1;
                        content.extend_from_slice(text);
                    }
                }
            }
        }
        slot.count(stat);
        slot.show(&content);
        if let Some(mode) = self.new_mode {
            let empty = || FileState::proposed(mode, Vec::new());
            slot.now.get_or_insert_with(empty).mode = mode;
        }
    }
}

fn other_mode(path: &str, expected: FileMode, found: FileMode) -> ApplyFailure {
    ApplyFailure {
        path: path.to_owned(),
        message: format!("the patch expects mode {expected}, the base commit has {found}"),
        hint: "make the patch again on the base commit".to_owned(),
        detail: Vec::new(),
    }
}
