//! The reviewer's acts: judged by the machine before, recorded here, checked again where they bind.

use crate::error::Failure;
use crate::model::{
    Comment, Decision, EventKind, ItemId, ReviewAct, ReviewCommand, Status, TickedBy,
};
use crate::pipeline::approval;
use crate::pipeline::driver::Driver;
use crate::pipeline::machine::Input;

impl Driver {
    /// Records an act that changes no ref, if it is possible now.
    pub(super) async fn record_act(&mut self, command: ReviewCommand) -> Result<(), Failure> {
        match self.act_of(command) {
            Ok(act) => self.record(EventKind::Reviewed { act }).await,
            Err(why) => self.notice(why, "").await,
        }
    }

    fn act_of(&self, command: ReviewCommand) -> Result<ReviewAct, &'static str> {
        match command {
            ReviewCommand::Toggle(item) => self.toggle(item),
            ReviewCommand::View { path, viewed } => Ok(ReviewAct::FileViewed { path, viewed }),
            ReviewCommand::ReadFinding(finding) if (finding as usize) < self.run.findings.len() => {
                Ok(ReviewAct::FindingRead { finding })
            }
            ReviewCommand::ReadFinding(_) => Err("there is no such finding"),
            ReviewCommand::Comment(comment) if comment.text.trim().is_empty() => {
                Err("an empty comment is not kept")
            }
            ReviewCommand::Comment(comment) => Ok(ReviewAct::Commented {
                comment: self.numbered(comment),
            }),
            ReviewCommand::DeleteComment(id) if self.run.comments.contains_key(&id) => {
                Ok(ReviewAct::CommentDeleted { id })
            }
            ReviewCommand::DeleteComment(_) => Err("there is no such comment"),
            ReviewCommand::RerunTests => Ok(ReviewAct::TestsRestarted),
            ReviewCommand::AcknowledgeTestFailure { note } => self.acknowledge(&note),
            ReviewCommand::Approve { .. }
            | ReviewCommand::RequestChanges
            | ReviewCommand::Abandon
            | ReviewCommand::Restore
            | ReviewCommand::Stop
            | ReviewCommand::Leave => Err("this is not an act of its own"),
        }
    }

    fn toggle(&self, item: ItemId) -> Result<ReviewAct, &'static str> {
        if item.by() == TickedBy::Machine {
            return Err("milton ticks this item from measured facts; Enter shows them");
        }
        let tree = self
            .run
            .tree
            .clone()
            .ok_or("there is no tree to tick for")?;
        Ok(ReviewAct::ItemTicked {
            item,
            ticked: !self.run.is_ticked(item),
            tree,
        })
    }

    fn acknowledge(&self, note: &str) -> Result<ReviewAct, &'static str> {
        if note.trim().is_empty() {
            return Err("say in a few words why the failing tests are acceptable");
        }
        let ended = matches!(self.run.status, Some(Status::Success | Status::TestFailure));
        if !ended || self.run.is_ticked(ItemId::TestsPass) {
            return Err("there is no test failure to acknowledge");
        }
        Ok(ReviewAct::TestFailureAcknowledged {
            note: note.trim().to_owned(),
            by: self.ports.git.user_name(),
        })
    }

    fn numbered(&self, comment: Comment) -> Comment {
        if comment.id > 0 {
            return comment;
        }
        let id = self
            .run
            .comments
            .keys()
            .max()
            .map_or(1, |last| last.saturating_add(1));
        Comment { id, ..comment }
    }

    /// Approves, if nothing is open and everything is still what was looked at.
    pub(super) async fn approve(
        &mut self,
        command: ReviewCommand,
    ) -> Result<Option<Input>, Failure> {
        let ReviewCommand::Approve { tree, typed } = command else {
            return Ok(None);
        };
        if self.work.policy.is_none() {
            self.load_policy_again()?;
        }
        let policy = self
            .work
            .policy
            .as_ref()
            .map(|policy| policy.summary().digest);
        let checked = approval::check(
            &self.run,
            &*self.ports.git,
            &self.ports.journal.folder(),
            &tree,
            &typed,
        )
        .and_then(|approval| approval::same_policy(approval, policy.as_ref()));
        match checked {
            Ok(approval) => {
                let merge_command = approval::merge_command(&self.run, &approval);
                self.record(EventKind::Reviewed {
                    act: ReviewAct::Approved {
                        approval,
                        merge_command,
                    },
                })
                .await?;
                if let Some(moved) = self.moved_base() {
                    let hint = "if both touch the same code, run the change again on the new base";
                    self.notice(&moved.detail, hint).await?;
                }
                self.finish_review().await?;
                Ok(Some(Input::Decided(Decision::Approved)))
            }
            Err(void) => {
                self.notice(&void.reason, &void.hint).await?;
                Ok(None)
            }
        }
    }

    /// Sends the comments back to the proposer.
    pub(super) async fn request_changes(&mut self) -> Result<Input, Failure> {
        let by = self.ports.git.user_name();
        self.record(EventKind::Reviewed {
            act: ReviewAct::ChangesRequested { by },
        })
        .await?;
        self.finish_review().await?;
        Ok(Input::Decided(Decision::ChangesRequested))
    }

    /// Removes the branch and keeps its tip.
    pub(super) async fn abandon(&mut self) -> Result<Option<Input>, Failure> {
        let by = self.ports.git.user_name();
        let kept = match (&self.run.branch, &self.run.commit) {
            (Some(branch), Some(commit)) => {
                match self.ports.git.abandon(branch, commit, &self.run.run) {
                    Ok(kept_as) => Some(kept_as),
                    Err(error) => {
                        self.notice(&format!("not abandoned: {error}"), &error.hint())
                            .await?;
                        return Ok(self.machine.stopping.then_some(Input::Signal));
                    }
                }
            }
            (None, _) | (_, None) => None,
        };
        let act = ReviewAct::Abandoned {
            branch: self.run.branch.clone(),
            kept_as: kept,
            by,
        };
        self.record(EventKind::Reviewed { act }).await?;
        self.finish_review().await?;
        Ok(Some(Input::Decided(Decision::Abandoned)))
    }

    /// Brings an abandoned branch back.
    pub(super) async fn restore(&mut self) -> Result<Option<Input>, Failure> {
        let by = self.ports.git.user_name();
        let (Some(branch), Some(commit)) = (self.run.branch.clone(), self.run.commit.clone())
        else {
            self.notice("this run never had a branch", "").await?;
            return Ok(None);
        };
        if let Err(error) = self.ports.git.restore(&branch, &commit, &self.run.run) {
            self.notice(&format!("not restored: {error}"), &error.hint())
                .await?;
            return Ok(None);
        }
        self.record(EventKind::Reviewed {
            act: ReviewAct::Restored { branch, commit, by },
        })
        .await?;
        self.finish_review().await?;
        Ok(Some(Input::Decided(Decision::Pending)))
    }
}
