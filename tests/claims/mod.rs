//! Which test list answers for which entry of the catalogue (`tests/data/bypasses.jsonl`).
//!
//! Every entry belongs to exactly one list; `tests/catalogue.rs` checks that. Each list is compared
//! with what its own tests really do, where they do it.

#![allow(
    dead_code,
    reason = "every test binary that includes this module uses its own list only"
)]

/// Answered by the real program in a real repository: `tests/cli/catalogue.rs`.
pub(crate) const PROGRAM: [&str; 21] = [
    "GIT-hooks-run",
    "GIT-info-attr-nodiff",
    "GIT-textconv",
    "GIT-clean-filter",
    "GIT-encoding",
    "GIT-assume-unchanged",
    "GIT-env-config",
    "GIT-owner",
    "GIT-worktree-gitfile",
    "BR-collision",
    "BR-df-conflict",
    "BR-protected-checkout",
    "POL-untracked-policy",
    "INJ-goal-subst",
    "EV-no-diff",
    "EV-retro-edit",
    "LOG-truncate",
    "LOG-delete",
    "LOG-secret",
    "EVREF-push",
    "EVREF-gc",
];

/// Answered on a real terminal: `tests/pty.rs`.
pub(crate) const TERMINAL: [&str; 1] = ["POL-approve-key-replay"];

/// Classes whose other entries are not yet in a list of their own.
pub(crate) const OPEN_CLASSES: [&str; 4] = ["sandbox", "sandbox-control", "evidence", "display"];

/// Every list but the gate's, which is what `tests/catalogue.rs` judges itself.
pub(crate) const LISTS: [&[&str]; 2] = [&PROGRAM, &TERMINAL];
