//! The words of the domain: pure values without I/O.
//!
//! Text from outside becomes one of these types at the edge (`cli`, `plan`, `config`); the inner
//! modules never see a bare `String` where a type exists. Nothing in here reads a file, a clock or
//! the environment.

pub mod change;
pub mod checklist;
pub mod command;
pub mod digest;
pub mod event;
mod fold;
pub mod ids;
pub mod path;
pub mod plan;
pub mod policy_summary;
pub mod review;
pub mod run;
pub mod status;
pub mod tests_report;
pub mod tree;
pub mod verdict;
pub mod verification;

pub use change::{ChangeSet, FileChange, FileState, LineStat};
pub use checklist::{ChecklistItem, ItemId, TickedBy};
pub use command::{
    CommandEnd, CommandId, CommandStart, ExitKind, MaskedSecret, OutputSummary, Purpose,
    SandboxReport, Tier, TierChoice, Traces,
};
pub use digest::Digest;
pub use event::{Event, EventKind, Phase, PhaseOutcome, ReviewAct};
pub use ids::{Oid, RunId, Topic, WorkBranch};
pub use path::{FileMode, RelPath};
pub use plan::{CommandOrigin, Plan, PlannedFile, RelevantFile, VerificationCommand};
pub use policy_summary::{Override, PolicySummary};
pub use review::{Approval, Comment, CommentKind, Need, ReviewCommand};
pub use run::RunState;
pub use status::{Decision, Status};
pub use tests_report::{
    CaseOutcome, Cases, Channel, FailedTest, Import, Integrity, Names, OtherRun, Since,
    TestOutcome, TestReport,
};
pub use tree::{BaseTree, TreeEntry, TreeError};
pub use verdict::{Risk, Stats, Verdict, Violation};
pub use verification::{Check, CheckOutcome, Seal};
