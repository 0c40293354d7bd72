//! The embedded floor, compiled and tested once a process.

use std::sync::{Arc, LazyLock};

use crate::model::Violation;
use crate::policy::commands::AllowList;
use crate::policy::error::Error;
use crate::policy::hygiene;
use crate::policy::paths::{Lifted, PathRule, Patterns, Subject, check};
use crate::policy::risks::{RiskRule, TestRules};
use crate::policy::secrets::Scanner;
use crate::policy::source::{self, FloorLimits, FloorText, NeverText};

/// The name of the floor as a source.
pub(super) const EMBEDDED: &str = "embedded";
const POLICY: &str = include_str!("../../assets/policy.toml");
const SECRETS: &str = include_str!("../../assets/secrets.toml");

/// Everything that holds in every repository.
pub(super) struct Floor {
    pub(super) version: String,
    pub(super) updated: String,
    pub(super) next_review: String,
    pub(super) limits: FloorLimits,
    pub(super) paths: Vec<PathRule>,
    pub(super) branches_why: String,
    pub(super) protect: Vec<String>,
    pub(super) commands: AllowList,
    pub(super) never: NeverText,
    pub(super) risks: Vec<RiskRule>,
    pub(super) compose: Patterns,
    pub(super) tests: TestRules,
    pub(super) secrets: Scanner,
    /// The two texts, for the digest.
    pub(super) texts: [&'static str; 2],
}

impl std::fmt::Debug for Floor {
    /// The compiled patterns fill pages and say nothing; the version says which floor it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Floor")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

static FLOOR: LazyLock<Result<Arc<Floor>, Error>> =
    LazyLock::new(|| Floor::compile(POLICY, SECRETS).map(Arc::new));

impl Floor {
    /// The floor that is compiled into the program.
    pub(super) fn embedded() -> Result<Arc<Self>, Error> {
        FLOOR.clone()
    }

    fn compile(policy: &'static str, secrets: &'static str) -> Result<Self, Error> {
        let parsed: FloorText = source::parse(EMBEDDED, policy)?;
        let paths: Vec<PathRule> = parsed
            .path
            .into_iter()
            .map(|rule| PathRule::compile(EMBEDDED, policy, rule))
            .collect::<Result<_, _>>()?;
        let compose = Patterns::compile(EMBEDDED, policy, &parsed.compose.patterns)?;
        let (hit, miss) = (&parsed.compose.must_match, &parsed.compose.must_not_match);
        check(EMBEDDED, "compose", hit, miss, |path| compose.matches(path))?;
        let floor = Self {
            version: parsed.version,
            updated: parsed.updated,
            next_review: parsed.next_review,
            limits: parsed.limits,
            paths,
            branches_why: parsed.branches.why,
            protect: parsed.branches.protect,
            commands: AllowList::compile(EMBEDDED, parsed.command)?,
            never: parsed.never,
            risks: parsed
                .risk
                .into_iter()
                .map(|rule| RiskRule::compile(EMBEDDED, policy, rule))
                .collect::<Result<_, _>>()?,
            compose,
            tests: TestRules::compile(EMBEDDED, policy, parsed.tests)?,
            secrets: Scanner::compile(EMBEDDED, secrets)?,
            texts: [policy, secrets],
        };
        floor
            .commands
            .self_test(EMBEDDED, &|path| floor.judge_name(path, &[]))?;
        Ok(floor)
    }

    /// The name rules of the floor alone, with the additions of other sources.
    fn judge_name(&self, path: &str, extra: &[PathRule]) -> Vec<Violation> {
        let lifted = Lifted {
            exceptions: &[],
            policy_edits: false,
        };
        self.judge_name_lifted(path, extra, lifted)
    }

    /// Every name rule and the hygiene of the path.
    pub(super) fn judge_name_lifted(
        &self,
        path: &str,
        extra: &[PathRule],
        lifted: Lifted<'_>,
    ) -> Vec<Violation> {
        let subject = Subject::new(path);
        let rules = self.paths.iter().chain(extra);
        let mut violations: Vec<_> = rules
            .flat_map(|rule| rule.judge(&subject, lifted))
            .collect();
        violations.extend(hygiene::judge(path));
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_floor_passes_its_own_tests() {
        if let Err(error) = Floor::embedded() {
            panic!("{error}");
        }
    }

    #[test]
    fn a_floor_that_fails_its_own_tests_is_refused() {
        let weakened = POLICY.replace("\"**/.npmrc\", ", "");
        assert_ne!(weakened, POLICY);
        let error = Floor::compile(String::leak(weakened), SECRETS).unwrap_err();
        assert!(matches!(error, Error::SelfTest { .. }), "{error}");
        let broken = POLICY.replace("max_files = 10", "max_filez = 10");
        assert!(Floor::compile(String::leak(broken), SECRETS).is_err());
        let loosened = POLICY.replace("\"--stat\", \"--numstat\"", "\"--stat\", \"--ext-diff\"");
        assert_ne!(loosened, POLICY);
        assert!(Floor::compile(String::leak(loosened), SECRETS).is_err());
    }
}
