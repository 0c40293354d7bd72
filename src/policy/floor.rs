//! The embedded floor, compiled and tested once a process.

use std::sync::{Arc, LazyLock};

use crate::model::Violation;
use crate::policy::branch::{self, Protected};
use crate::policy::commands::{AllowList, PathJudge};
use crate::policy::error::Error;
use crate::policy::hygiene;
use crate::policy::limits::{Limit, Limits};
use crate::policy::never;
use crate::policy::paths::{Lifted, PathRule, Patterns, Subject, check};
use crate::policy::risks::{RiskRule, TestRules};
use crate::policy::secrets::Scanner;
use crate::policy::source::{self, FloorBranches, FloorText, LimitText, NeverText};

/// The name of the floor as a source.
pub(super) const EMBEDDED: &str = "embedded";
const POLICY: &str = include_str!("../../assets/policy.toml");
const SECRETS: &str = include_str!("../../assets/secrets.toml");

/// Everything that holds in every repository.
pub(super) struct Floor {
    pub(super) version: String,
    pub(super) updated: String,
    pub(super) next_review: String,
    pub(super) limits: Limits,
    pub(super) limit_rules: Vec<LimitText>,
    pub(super) paths: Vec<PathRule>,
    pub(super) protected: Vec<Protected>,
    pub(super) commands: AllowList,
    pub(super) never: NeverText,
    pub(super) risks: Vec<RiskRule>,
    pub(super) compose: Patterns,
    pub(super) compose_why: String,
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
        let name = format!("{} (compose files)", parsed.compose.id);
        check(EMBEDDED, &name, hit, miss, |path| compose.matches(path))?;
        check_never(&parsed.never)?;
        let floor = Self {
            version: parsed.version,
            updated: parsed.updated,
            next_review: parsed.next_review,
            limits: limits_of(&parsed.limit)?,
            limit_rules: parsed.limit,
            paths,
            protected: protected_of(parsed.branches)?,
            commands: AllowList::compile(EMBEDDED, parsed.command)?,
            never: parsed.never,
            risks: parsed
                .risk
                .into_iter()
                .map(|rule| RiskRule::compile(EMBEDDED, policy, rule))
                .collect::<Result<_, _>>()?,
            compose,
            compose_why: parsed.compose.why,
            tests: TestRules::compile(EMBEDDED, policy, parsed.tests)?,
            secrets: Scanner::compile(EMBEDDED, secrets)?,
            texts: [policy, secrets],
        };
        floor.commands.self_test(EMBEDDED, &floor)?;
        Ok(floor)
    }

    /// Why no command may name the path: a rule about secrets holds for it.
    pub(super) fn may_hold_secrets(&self, path: &str) -> Option<String> {
        let subject = Subject::new(path);
        let mut rules = self.paths.iter().filter(|rule| rule.holds_secrets);
        rules.find_map(|rule| Some(rule.hit(&subject)?.detail))
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

impl PathJudge for Floor {
    fn change(&self, path: &str) -> Option<String> {
        let violations = self.judge_name_lifted(path, &[], Lifted::nothing());
        let first = violations.into_iter().next()?;
        Some(format!("{} ({})", first.detail, first.rule))
    }

    fn read(&self, path: &str) -> Option<String> {
        self.may_hold_secrets(path)
    }
}

/// The numbers, each checked against its own examples; every one has to be there, once.
fn limits_of(texts: &[LimitText]) -> Result<Limits, Error> {
    use source::LimitName;
    for text in texts {
        let name = format!("{} ({})", text.id, text.what);
        let fails = |message: String| Err(Error::self_test(EMBEDDED, &name, message));
        if let Some(missed) = text.must_match.iter().find(|n| **n <= text.value) {
            return fails(format!(
                "{} does not refuse {missed} of its must_match",
                text.value
            ));
        }
        if let Some(extra) = text.must_not_match.iter().find(|n| **n > text.value) {
            return fails(format!(
                "{} refuses {extra} of its must_not_match",
                text.value
            ));
        }
    }
    let limit = |name: LimitName| {
        let mut of_name = texts.iter().filter(|text| text.name == name);
        match (of_name.next(), of_name.next()) {
            (Some(text), None) => Ok(Limit::embedded(text.value)),
            (None, _) | (_, Some(_)) => Err(Error::self_test(
                EMBEDDED,
                "limit",
                format!("{name:?} is not there exactly once"),
            )),
        }
    };
    Ok(Limits {
        files: limit(LimitName::MaxFiles)?,
        lines: limit(LimitName::MaxLines)?,
        timeout_seconds: limit(LimitName::TimeoutSeconds)?,
        line_length: limit(LimitName::MaxLineLength)?,
        file_bytes: limit(LimitName::MaxFileBytes)?,
        total_bytes: limit(LimitName::MaxTotalBytes)?,
        depth: limit(LimitName::MaxDepth)?,
    })
}

fn protected_of(text: FloorBranches) -> Result<Vec<Protected>, Error> {
    let named = text.protect.into_iter().map(|name| Protected {
        name,
        source: EMBEDDED.to_owned(),
        rule: text.id.clone(),
        why: text.why.clone(),
    });
    let protected: Vec<_> = named.collect();
    check(
        EMBEDDED,
        &text.id,
        &text.must_match,
        &text.must_not_match,
        |name| branch::protection(name, &protected).is_some(),
    )?;
    Ok(protected)
}

fn check_never(rules: &NeverText) -> Result<(), Error> {
    check(
        EMBEDDED,
        &rules.id,
        &rules.must_match,
        &rules.must_not_match,
        |line| never::refuse(rules, &shlex::split(line).unwrap_or_default()).is_some(),
    )
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
        assert!(error.to_string().contains("\".npmrc\""), "{error}");
        for (right, wrong) in [
            ("name = \"max_files\"", "name = \"max_filez\""),
            ("value = 400", "value = 4000"),
            ("protect = [\"main\", ", "protect = ["),
            ("programs = [\"gh\", ", "programs = ["),
            ("**/docker-compose*.yml", "**/docker-compose.yaml"),
            ("\"**/conftest.py\", ", ""),
            ("id = \"command.git-status\"\n", ""),
        ] {
            let broken = POLICY.replacen(right, wrong, 1);
            assert_ne!(broken, POLICY, "{right}");
            assert!(
                Floor::compile(String::leak(broken), SECRETS).is_err(),
                "{wrong}"
            );
        }
        let loosened = POLICY.replace("\"--stat\", \"--numstat\"", "\"--stat\", \"--ext-diff\"");
        assert_ne!(loosened, POLICY);
        assert!(Floor::compile(String::leak(loosened), SECRETS).is_err());
    }
}
