//! The six items of the policy's verification checklist.

use serde::{Deserialize, Serialize};

/// An item of the checklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemId {
    /// Branch created (not on main/master).
    BranchCreated,
    /// Tests pass.
    TestsPass,
    /// No forbidden files modified.
    NoForbiddenFiles,
    /// No secrets exposed.
    NoSecrets,
    /// Changes are minimal and surgical.
    Minimal,
    /// Documentation updated (if applicable).
    Documentation,
}

impl ItemId {
    /// All items, in the policy's order.
    pub const ALL: [Self; 6] = [
        Self::BranchCreated,
        Self::TestsPass,
        Self::NoForbiddenFiles,
        Self::NoSecrets,
        Self::Minimal,
        Self::Documentation,
    ];

    /// The policy's words.
    pub fn text(self) -> &'static str {
        match self {
            Self::BranchCreated => "Branch created (not on main/master)",
            Self::TestsPass => "Tests pass",
            Self::NoForbiddenFiles => "No forbidden files modified",
            Self::NoSecrets => "No secrets exposed",
            Self::Minimal => "Changes are minimal and surgical",
            Self::Documentation => "Documentation updated (if applicable)",
        }
    }

    /// Who may tick it.
    pub fn by(self) -> TickedBy {
        match self {
            Self::BranchCreated | Self::TestsPass | Self::NoForbiddenFiles => TickedBy::Machine,
            Self::NoSecrets | Self::Minimal | Self::Documentation => TickedBy::Human,
        }
    }
}

/// Who ticks an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickedBy {
    /// Measured facts; a hand cannot tick it.
    Machine,
    /// The reviewer.
    Human,
}

/// One item with its state (CONTRACT: `checklist`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistItem {
    /// Which.
    pub id: ItemId,
    /// The policy's words.
    pub text: String,
    /// Who ticks it.
    pub by: TickedBy,
    /// Whether it is ticked.
    pub ticked: bool,
    /// The measured fact behind it, and where to look.
    pub evidence: String,
}
