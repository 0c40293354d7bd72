//! Which test list answers for which entry of the catalogue (`tests/data/bypasses.jsonl`).
//!
//! Every entry belongs to exactly one list, or to the gate, which `tests/catalogue.rs` judges itself;
//! that is checked there. A list is compared with what its tests really do where they do it.

/// The lists by their name, with the ids that each claims.
pub(crate) const LISTS: [(&str, &[&str]); 2] = [
    // The real program in a real repository: `tests/cli/catalogue.rs`.
    (
        "program",
        &[
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
        ],
    ),
    // A real terminal: `tests/pty.rs`.
    ("terminal", &["POL-approve-key-replay"]),
];
