//! What the reviewer does: comments, approval, and what approval still needs.

use serde::{Deserialize, Serialize};

use crate::model::{Digest, ItemId, Oid, RunState, Status};

/// What a comment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommentKind {
    /// Needs an answer.
    Question,
    /// Needs a change.
    Change,
    /// Take it or leave it.
    Nit,
}

/// A reviewer's comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Its number within the run, from 1.
    pub id: u32,
    /// What it is.
    pub kind: CommentKind,
    /// The file; `None` for the change as a whole.
    pub path: Option<String>,
    /// The line in the new file (the old one when `on_removed`), from 1.
    pub line: Option<u32>,
    /// Whether it stands on a removed line.
    pub on_removed: bool,
    /// The text.
    pub text: String,
}

/// An approval, bound to everything that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The base commit.
    pub base: Oid,
    /// The approved commit.
    pub commit: Oid,
    /// Its tree.
    pub tree: Oid,
    /// The diff.
    pub diff_sha256: Digest,
    /// The effective policy.
    pub policy_sha256: Digest,
    /// The output of the deciding test command; `None` when tests were skipped.
    pub test_log_sha256: Option<Digest>,
    /// The user's name as the machine knows it.
    pub by: String,
}

/// One thing that stands between the reviewer and approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// The run has not come to its review.
    NotReady(Option<Status>),
    /// Tests failed and nobody acknowledged it with a note.
    TestFailure,
    /// A machine item is open for another reason.
    MachineItem(ItemId),
    /// A human item is open.
    Tick(ItemId),
    /// A file was not marked viewed.
    UnviewedFile(String),
    /// A finding was not read (its index in `RunState::findings`).
    UnreadFinding(usize),
    /// The decision is already made.
    Decided,
}

/// Everything that approval still needs, in the order the reviewer would do it.
pub fn needs(run: &RunState) -> Vec<Need> {
    if run.decision != crate::model::Decision::Pending {
        return vec![Need::Decided];
    }
    let reviewable =
        matches!(run.status, Some(Status::Success | Status::TestFailure)) && run.commit.is_some();
    if !reviewable || run.is_busy() {
        return vec![Need::NotReady(run.status)];
    }
    let mut needs = Vec::new();
    for item in &run.checklist {
        if run.is_ticked(item.id) {
            continue;
        }
        needs.extend(open_item(run, item.id));
    }
    let unviewed = run
        .changed_files
        .iter()
        .filter(|f| !run.viewed.contains(&f.path));
    needs.extend(unviewed.map(|f| Need::UnviewedFile(f.path.clone())));
    let unread = run.findings.iter().enumerate().filter(|(_, f)| !f.read);
    needs.extend(unread.map(|(index, _)| Need::UnreadFinding(index)));
    needs
}

fn open_item(run: &RunState, item: ItemId) -> Option<Need> {
    match item {
        ItemId::TestsPass => (!run.tests_may_be_open()).then_some(Need::TestFailure),
        ItemId::BranchCreated | ItemId::NoForbiddenFiles => Some(Need::MachineItem(item)),
        ItemId::NoSecrets | ItemId::Minimal | ItemId::Documentation => Some(Need::Tick(item)),
    }
}

/// What the reviewer asks for, as a semantic command: the screen turns keys into these, the
/// pipeline's machine judges whether they are possible now, and the record keeps what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewCommand {
    /// Tick or untick a human item.
    Toggle(ItemId),
    /// Mark a file viewed or not.
    View {
        /// The path.
        path: String,
        /// The new state.
        viewed: bool,
    },
    /// Mark a finding read (its index in `RunState::findings`).
    ReadFinding(u32),
    /// Write a comment; an existing id replaces it.
    Comment(Comment),
    /// Delete a comment.
    DeleteComment(u32),
    /// Run the tests again on the same tree.
    RerunTests,
    /// Take failing tests on oneself, with a reason.
    AcknowledgeTestFailure {
        /// Why; must not be empty.
        note: String,
    },
    /// Approve the tree that was on screen.
    Approve {
        /// The tree that was on screen.
        tree: Oid,
        /// What the reviewer typed: the first four characters of the tree id.
        typed: String,
    },
    /// Send the comments back to the proposer.
    RequestChanges,
    /// Remove the branch; its tip is kept.
    Abandon,
    /// Take an abandon back.
    Restore,
    /// Stop what runs now.
    Stop,
    /// Leave the screen and keep the run for later.
    Leave,
}
