//! What the repository and the user add to the floor, compiled.

use toml::Spanned;

use crate::policy::branch::{self, Protected};
use crate::policy::commands::ForbiddenCommand;
use crate::policy::error::Error;
use crate::policy::fold;
use crate::policy::hygiene;
use crate::policy::paths::{PathRule, Patterns, check};
use crate::policy::source::{AddedRule, Exception, ExceptionText, Tightening};

/// Ids that begin so are milton's own.
const RESERVED: [&str; 10] = [
    "path", "policy", "branch", "tree", "limits", "content", "goal", "command", "override", "tests",
];

/// The compiled additions of one source.
#[derive(Debug, Default)]
pub(super) struct Additions {
    pub(super) paths: Vec<PathRule>,
    pub(super) protected: Vec<Protected>,
    pub(super) commands: Vec<ForbiddenCommand>,
}

/// A rule as both forms of writing it give it.
struct Rule<'a> {
    id: String,
    why: String,
    forbid: &'a [Spanned<String>],
    must_match: &'a [String],
    must_not_match: &'a [String],
}

/// Where rules come from.
struct Origin<'a> {
    /// For messages about the source itself (`.milton/policy.toml at 1a2b3c4`).
    name: &'a str,
    text: &'a str,
    /// What violations name (`repository`, `user`).
    source: &'a str,
}

impl Additions {
    /// Compiles a source's tightenings and runs the examples that they carry. `source` is what
    /// violations name (`repository`, `user`); `origin` and `text` are for messages about the source
    /// itself.
    pub(super) fn compile(
        rules: &Tightening,
        origin: &str,
        text: &[u8],
        source: &str,
    ) -> Result<Self, Error> {
        let origin = Origin {
            name: origin,
            text: crate::policy::source::utf8(origin, text)?,
            source,
        };
        let mut additions = Self::default();
        let (paths, branches, commands) = (&rules.paths, &rules.branches, &rules.commands);
        let short = |table, forbid, must_match, must_not_match| {
            origin.short(table, forbid, must_match, must_not_match)
        };
        let written = short(
            "paths",
            &paths.forbid,
            &paths.must_match,
            &paths.must_not_match,
        );
        for rule in written.into_iter().chain(origin.rules(&rules.path)?) {
            additions.paths.extend(path_rule(&origin, rule)?);
        }
        let written = short(
            "branches",
            &branches.protect,
            &branches.must_match,
            &branches.must_not_match,
        );
        for rule in written.into_iter().chain(origin.rules(&rules.branch)?) {
            additions.protected.extend(protected(&origin, &rule)?);
        }
        let written = short(
            "commands",
            &commands.forbid,
            &commands.must_match,
            &commands.must_not_match,
        );
        for rule in written.into_iter().chain(origin.rules(&rules.command)?) {
            additions.commands.extend(forbidden(&origin, &rule)?);
        }
        additions.no_id_twice(&origin)?;
        Ok(additions)
    }

    fn no_id_twice(&self, origin: &Origin<'_>) -> Result<(), Error> {
        let mut ids: Vec<&str> = self.paths.iter().map(|rule| rule.name.as_str()).collect();
        let of_branches = self.protected.iter().map(|rule| rule.rule.as_str());
        let of_commands = self.commands.iter().map(|rule| rule.rule.as_str());
        let mut more: Vec<&str> = of_branches.collect();
        more.dedup();
        ids.extend(more);
        let mut more: Vec<&str> = of_commands.collect();
        more.dedup();
        ids.extend(more);
        ids.sort_unstable();
        match ids.windows(2).find(|pair| matches!(pair, [a, b] if a == b)) {
            Some([id, ..]) => Err(Error::self_test(origin.name, id, "two rules have this id")),
            Some(_) | None => Ok(()),
        }
    }
}

impl Origin<'_> {
    fn error(&self, at: usize, message: &str) -> Error {
        Error::at(self.name, self.text, at, message)
    }

    /// The one rule that `[paths] forbid = …` and its like are; `None` when nothing is written.
    fn short<'a>(
        &self,
        table: &str,
        forbid: &'a [Spanned<String>],
        must_match: &'a [String],
        must_not_match: &'a [String],
    ) -> Option<Rule<'a>> {
        let written = !(forbid.is_empty() && must_match.is_empty() && must_not_match.is_empty());
        written.then(|| Rule {
            id: format!("{}.{table}", self.source),
            why: format!("forbidden by {}", self.name),
            forbid,
            must_match,
            must_not_match,
        })
    }

    /// Rules written out in full: each has a name of its own, a reason and examples of both kinds.
    fn rules<'a>(&self, rules: &'a [AddedRule]) -> Result<Vec<Rule<'a>>, Error> {
        let checked = rules.iter().map(|rule| {
            let id = rule.id.get_ref();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            if id.is_empty() || !id.chars().all(plain) {
                let message = "a rule's id is made of a-z, 0-9, '.', '_' and '-'";
                return Err(self.error(rule.id.span().start, message));
            }
            let first = id.split('.').next().unwrap_or(id);
            if RESERVED.contains(&first) {
                let message = format!(
                    "ids that begin with {first:?} are milton's own; for example {}.{id}",
                    self.source
                );
                return Err(self.error(rule.id.span().start, &message));
            }
            if rule.why.get_ref().trim().is_empty() {
                let message = format!("rule {id:?} does not say why");
                return Err(self.error(rule.why.span().start, &message));
            }
            for examples in [&rule.must_match, &rule.must_not_match] {
                if examples.get_ref().is_empty() {
                    let message = format!("rule {id:?} needs an example here");
                    return Err(self.error(examples.span().start, &message));
                }
            }
            Ok(Rule {
                id: id.clone(),
                why: rule.why.get_ref().clone(),
                forbid: &rule.forbid,
                must_match: rule.must_match.get_ref(),
                must_not_match: rule.must_not_match.get_ref(),
            })
        });
        checked.collect()
    }

    fn check(&self, rule: &Rule<'_>, matches: impl Fn(&str) -> bool) -> Result<(), Error> {
        check(
            self.name,
            &rule.id,
            rule.must_match,
            rule.must_not_match,
            matches,
        )
    }
}

fn path_rule(origin: &Origin<'_>, rule: Rule<'_>) -> Result<Option<PathRule>, Error> {
    let patterns = Patterns::compile(origin.name, origin.text, rule.forbid)?;
    origin.check(&rule, |path| patterns.matches(path))?;
    Ok((!patterns.texts().is_empty()).then(|| PathRule {
        id: "path.forbidden".to_owned(),
        why: format!("rule {}: {}", rule.id, rule.why),
        name: rule.id,
        patterns,
        characters: Vec::new(),
        words: Vec::new(),
        exception: Exception::Never,
        holds_secrets: false,
        source: origin.source.to_owned(),
    }))
}

fn protected(origin: &Origin<'_>, rule: &Rule<'_>) -> Result<Vec<Protected>, Error> {
    let mut all = Vec::new();
    for name in rule.forbid {
        if name.get_ref().trim().is_empty() {
            return Err(origin.error(name.span().start, "a branch name is empty"));
        }
        all.push(Protected {
            name: name.get_ref().clone(),
            source: origin.source.to_owned(),
            rule: rule.id.clone(),
            why: rule.why.clone(),
        });
    }
    origin.check(rule, |name| branch::protection(name, &all).is_some())?;
    Ok(all)
}

fn forbidden(origin: &Origin<'_>, rule: &Rule<'_>) -> Result<Vec<ForbiddenCommand>, Error> {
    let mut all = Vec::new();
    for command in rule.forbid {
        let argv = shlex::split(command.get_ref()).unwrap_or_default();
        if argv.is_empty() {
            let message = "a command is empty or its quotation is open";
            return Err(origin.error(command.span().start, message));
        }
        all.push(ForbiddenCommand {
            argv,
            source: origin.source.to_owned(),
            rule: rule.id.clone(),
            why: rule.why.clone(),
        });
    }
    origin.check(rule, |line| {
        let argv = shlex::split(line).unwrap_or_default();
        all.iter()
            .any(|forbidden| argv.starts_with(&forbidden.argv))
    })?;
    Ok(all)
}

/// Checks the user's exceptions: exact paths with a reason, in their canonical spelling, that only
/// rules stand against which an exception may lift. `floor` holds the rules of the floor.
pub(super) fn exceptions(
    origin: &str,
    text: &str,
    exceptions: Vec<ExceptionText>,
    floor: &[PathRule],
) -> Result<Vec<(String, String)>, Error> {
    let mut accepted: Vec<(String, String)> = Vec::new();
    for exception in exceptions {
        let (path, reason) = (exception.path, exception.reason);
        let refuse = |message: String| Err(Error::at(origin, text, path.span().start, &message));
        let written = path.get_ref();
        if let Some(message) = unusable(written, floor) {
            return refuse(message);
        }
        if accepted.iter().any(|(known, _)| known == written) {
            return refuse(format!("there is an exception for {written:?} already"));
        }
        if reason.get_ref().trim().is_empty() {
            let message = "an exception needs a reason";
            return Err(Error::at(origin, text, reason.span().start, message));
        }
        accepted.push((path.into_inner(), reason.into_inner()));
    }
    Ok(accepted)
}

/// Why no exception can be made for what is written; `None` when one can.
fn unusable(path: &str, floor: &[PathRule]) -> Option<String> {
    if path.contains(['*', '?', '[', '{']) {
        return Some(format!(
            "{path:?} is a pattern; an exception is one exact path, so write one for each file"
        ));
    }
    if !fold::is_canonical(path) || path.is_empty() {
        return Some(format!(
            "{path:?} is not how a path is written: an exception is one exact path from the repository's root, with '/' between its parts, no '.' or '..' and nothing folded"
        ));
    }
    let problem = hygiene::judge(path).into_iter().next();
    if let Some(problem) = problem {
        return Some(format!(
            "{path:?} {}; no exception lifts that",
            problem.detail
        ));
    }
    let subject = crate::policy::paths::Subject::new(path);
    let hits = floor
        .iter()
        .filter_map(|rule| Some((rule, rule.hit(&subject)?)));
    for (rule, hit) in hits {
        let id = &rule.id;
        match rule.exception {
            Exception::ExactPath if hit.disguised => {
                return Some(format!(
                    "{path:?} only looks like a name that {id} refuses; write the name in plain letters"
                ));
            }
            Exception::ExactPath => {}
            Exception::Never => {
                return Some(format!(
                    "{path:?} is refused by {id}, which no exception lifts: it {}",
                    hit.detail
                ));
            }
            Exception::PolicyEdits => {
                return Some(format!(
                    "{path:?} is refused by {id}, which only MILTON_SELF_UPGRADE_ALLOW_POLICY_EDITS=1 lifts"
                ));
            }
        }
    }
    None
}
