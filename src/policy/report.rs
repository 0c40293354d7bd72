//! The policy as people read it: `milton policy show` and `explain`, the summary, the digest.

use serde::Serialize;

use crate::model::{Digest, PolicySummary};
use crate::policy::Policy;
use crate::policy::floor::EMBEDDED;

/// One rule in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleInfo {
    /// The rule id (`path.forbidden`).
    pub id: String,
    /// What the rule is about, in a few words.
    pub name: String,
    /// `path`, `limit`, `branch`, `command`, `content`, `goal`, `tree`, `policy` or `risk`.
    pub kind: String,
    /// What it matches: globs, branch names, argv patterns, classes.
    pub patterns: Vec<String>,
    /// The number, for limits.
    pub limit: Option<u64>,
    /// Why it exists.
    pub why: String,
    /// Where it comes from: `embedded`, `repository`, `user`, `environment`.
    pub source: String,
}

/// The version of the policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyDocument {
    /// `1.0`.
    pub version: String,
    /// The date of the last update, `YYYY-MM-DD`.
    pub updated: String,
    /// When it is reviewed next.
    pub next_review: String,
}

/// Rules that are code: what they check cannot be written as a pattern.
const BUILT_IN: [(&str, &str, &str, &str); 15] = [
    (
        "path.absolute",
        "absolute paths",
        "path",
        "a change names files of this repository only",
    ),
    (
        "path.outside",
        "paths with `..`",
        "path",
        "a change names files of this repository only",
    ),
    (
        "path.characters",
        "control, invisible and shell characters in names",
        "path",
        "a name travels through terminals, shells and three kinds of file systems",
    ),
    (
        "path.through_symlink",
        "paths through links and submodules",
        "tree",
        "what is behind a link is not this repository's",
    ),
    (
        "path.collision",
        "names that collide by case, normal form or kind",
        "tree",
        "two names that some file systems or readers take for one",
    ),
    (
        "tree.mode",
        "links, submodules, new executable files",
        "tree",
        "plain files only; 100755 only where the base has it",
    ),
    (
        "content.binary",
        "binary content",
        "content",
        "a reviewer cannot read it",
    ),
    (
        "content.line_endings",
        "turned line ends and lone carriage returns",
        "content",
        "they hide the line that really changed",
    ),
    (
        "goal.control_characters",
        "control characters in the goal",
        "goal",
        "the goal is shown in terminals and becomes a commit message",
    ),
    (
        "goal.not_one_sentence",
        "goals of no or several sentences",
        "goal",
        "the policy asks for a goal statement of one sentence",
    ),
    (
        "branch.slug",
        "branches other than self-upgrade/<topic>",
        "branch",
        "a change lives on its own branch: a-z, 0-9 and '-', 1 to 50 characters",
    ),
    (
        "branch.characters",
        "control characters in branch names",
        "branch",
        "a branch name is shown in terminals",
    ),
    (
        "command.not_on_allow_list",
        "commands that no rule allows",
        "command",
        "a proposal gets the commands of the list, option by option, and nothing else",
    ),
    (
        "override.malformed",
        "malformed MILTON_SELF_UPGRADE_* variables",
        "policy",
        "guessing what a loosening meant is not an option",
    ),
    (
        "policy.invalid",
        "policies that do not load",
        "policy",
        "a broken policy refuses everything",
    ),
];

impl Policy {
    /// Every rule in force, in the order of the policy.
    pub fn rules(&self) -> Vec<RuleInfo> {
        let mut rules = Vec::new();
        rules.extend(self.path_rules());
        rules.extend(BUILT_IN.iter().map(|(id, name, kind, why)| RuleInfo {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
            patterns: Vec::new(),
            limit: None,
            why: (*why).to_owned(),
            source: EMBEDDED.to_owned(),
        }));
        rules.push(RuleInfo {
            id: "path.forbidden".to_owned(),
            name: "ports, expose and network_mode of compose files".to_owned(),
            kind: "path".to_owned(),
            patterns: self.floor.compose.texts().to_vec(),
            limit: None,
            why: self.floor.compose_why.clone(),
            source: EMBEDDED.to_owned(),
        });
        rules.extend(self.limit_rules());
        rules.extend(self.branch_rules());
        rules.push(RuleInfo {
            id: "content.secret".to_owned(),
            name: "secrets in lines, names, goal and notes".to_owned(),
            kind: "content".to_owned(),
            patterns: self.floor.secrets.names(),
            limit: None,
            why: "a secret in a commit is public for ever".to_owned(),
            source: EMBEDDED.to_owned(),
        });
        rules.extend(self.command_rules());
        rules.extend(self.floor.risks.iter().map(|rule| RuleInfo {
            id: rule.id.clone(),
            name: rule.detail.clone(),
            kind: "risk".to_owned(),
            patterns: rule.patterns.texts().to_vec(),
            limit: None,
            why: format!("{}; a note for the reviewer that blocks nothing", rule.why),
            source: EMBEDDED.to_owned(),
        }));
        rules
    }

    /// The rules whose id, or its beginning, is `what` (`path`, `path.forbidden`), or whose name
    /// holds it.
    pub fn explain(&self, what: &str) -> Vec<RuleInfo> {
        let what = what.trim().to_lowercase();
        if what.is_empty() {
            return Vec::new();
        }
        let rules = self.rules();
        let by_id: Vec<_> = rules
            .iter()
            .filter(|rule| rule.id.starts_with(&what))
            .cloned()
            .collect();
        if by_id.is_empty() {
            let named = |rule: &RuleInfo| rule.name.to_lowercase().contains(&what);
            return rules.into_iter().filter(named).collect();
        }
        by_id
    }

    /// The version of the policy document.
    pub fn document(&self) -> PolicyDocument {
        PolicyDocument {
            version: self.floor.version.clone(),
            updated: self.floor.updated.clone(),
            next_review: self.floor.next_review.clone(),
        }
    }

    /// The effective policy in figures.
    pub fn summary(&self) -> PolicySummary {
        PolicySummary {
            version: self.floor.version.clone(),
            digest: self.digest(),
            rules: self.rules().len() as u64,
            sources: self.sources.clone(),
            max_files: self.limits.files.value,
            max_lines: self.limits.lines.value,
            timeout_seconds: self.limits.timeout_seconds.value,
        }
    }

    /// The digest of everything in force: the floor's texts and what the other sources made of it.
    fn digest(&self) -> Digest {
        #[derive(Serialize)]
        struct InForce<'a> {
            floor: Vec<Digest>,
            rules: Vec<RuleInfo>,
            forbidden: &'a [crate::policy::commands::ForbiddenCommand],
            exceptions: &'a [(String, String)],
            overrides: &'a crate::policy::Overrides,
        }
        let in_force = InForce {
            floor: self
                .floor
                .texts
                .iter()
                .map(|text| Digest::of(text.as_bytes()))
                .collect(),
            rules: self.rules(),
            forbidden: &self.forbidden_commands,
            exceptions: &self.exceptions,
            overrides: &self.overrides,
        };
        // Structs serialise in the order of their fields, so the bytes are canonical. Serialising
        // plain strings and numbers cannot fail; if it ever does, the digest says so by differing.
        let bytes = serde_json::to_vec(&in_force).unwrap_or_else(|error| error.to_string().into());
        Digest::of(&bytes)
    }

    fn path_rules(&self) -> impl Iterator<Item = RuleInfo> {
        self.floor
            .paths
            .iter()
            .chain(&self.extra_paths)
            .map(|rule| {
                let words = rule.words.iter().map(|word| format!("the word {word:?}"));
                let classes = rule
                    .characters
                    .iter()
                    .map(|class| format!("{class:?} characters").to_lowercase());
                RuleInfo {
                    // A rule of a file is known by its own id; its violations are of this one.
                    id: if rule.source == EMBEDDED {
                        rule.id.clone()
                    } else {
                        rule.name.clone()
                    },
                    name: rule.name.clone(),
                    kind: "path".to_owned(),
                    patterns: rule
                        .patterns
                        .texts()
                        .iter()
                        .cloned()
                        .chain(words)
                        .chain(classes)
                        .collect(),
                    limit: None,
                    why: rule.why.clone(),
                    source: rule.source.clone(),
                }
            })
    }

    fn limit_rules(&self) -> impl Iterator<Item = RuleInfo> {
        self.floor.limit_rules.iter().map(|rule| {
            let limit = self.limits.named(rule.name);
            RuleInfo {
                id: rule.id.clone(),
                name: rule.what.clone(),
                kind: "limit".to_owned(),
                patterns: Vec::new(),
                limit: Some(limit.value),
                why: rule.why.clone(),
                source: limit.source.clone(),
            }
        })
    }

    fn branch_rules(&self) -> Vec<RuleInfo> {
        let mut rules: Vec<RuleInfo> = Vec::new();
        for protected in &self.protected {
            match rules
                .iter_mut()
                .find(|rule| rule.source == protected.source && rule.id == protected.rule)
            {
                Some(rule) => rule.patterns.push(protected.name.clone()),
                None => rules.push(RuleInfo {
                    id: protected.rule.clone(),
                    name: "protected branches and their children".to_owned(),
                    kind: "branch".to_owned(),
                    patterns: vec![protected.name.clone()],
                    limit: None,
                    why: protected.why.clone(),
                    source: protected.source.clone(),
                }),
            }
        }
        rules
    }

    fn command_rules(&self) -> Vec<RuleInfo> {
        let info = |id: &str, name: String, patterns, why: &str, source: &str| RuleInfo {
            id: id.to_owned(),
            name,
            kind: "command".to_owned(),
            patterns,
            limit: None,
            why: why.to_owned(),
            source: source.to_owned(),
        };
        let mut rules: Vec<_> = self
            .floor
            .commands
            .rules()
            .iter()
            .map(|rule| {
                let name = format!("allowed: {}", rule.argv.join(" "));
                info(&rule.id, name, rule.accepted(), &rule.why, EMBEDDED)
            })
            .collect();
        let never = &self.floor.never;
        let mut patterns = never.programs.clone();
        patterns.push(format!("git, but for {}", never.git_reads.join(", ")));
        patterns.extend(
            never
                .verbs
                .iter()
                .map(|(p, verbs)| format!("{p} {}", verbs.join("|"))),
        );
        rules.push(info(
            &never.id,
            "never, for anybody".to_owned(),
            patterns,
            &never.why,
            EMBEDDED,
        ));
        rules.extend(self.forbidden_commands.iter().map(|forbidden| {
            let pattern = vec![forbidden.argv.join(" ")];
            info(
                &forbidden.rule,
                "forbidden beginnings of commands".to_owned(),
                pattern,
                &forbidden.why,
                &forbidden.source,
            )
        }));
        rules
    }
}
