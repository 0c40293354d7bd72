//! The allow-list of commands, matched on argv, option by option.
//!
//! A prefix of an allowed command says nothing about the rest of it (`git diff --output=x`), so
//! every argument has to be on the list or be of the declared kind.

use serde::Serialize;

use crate::model::Violation;
use crate::model::plan::CommandOrigin;
use crate::policy::branch;
use crate::policy::error::Error;
use crate::policy::finding::broken;
use crate::policy::source::{ArgumentKind, CommandText, ValueKind};

/// One allowed command.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CommandRule {
    pub(super) id: String,
    pub(super) argv: Vec<String>,
    pub(super) why: String,
    options: Vec<String>,
    values: std::collections::BTreeMap<String, ValueKind>,
    required_values: Vec<String>,
    arguments: ArgumentKind,
    required: bool,
    pub(super) verifies: bool,
    #[serde(skip)]
    must_match: Vec<String>,
    #[serde(skip)]
    must_not_match: Vec<String>,
}

/// A prefix of argv that a repository or the user forbids.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ForbiddenCommand {
    pub(super) argv: Vec<String>,
    pub(super) source: String,
    /// The rule that says so, and why.
    pub(super) rule: String,
    pub(super) why: String,
}

/// What the arguments of a command may name.
pub(super) trait PathJudge {
    /// Why a proposal may not change the path: what `git add` needs to know.
    fn change(&self, path: &str) -> Option<String>;
    /// Why a command may not even read the path: it may hold secrets.
    fn read(&self, path: &str) -> Option<String>;
}

/// All allowed commands.
#[derive(Clone, Debug)]
pub(super) struct AllowList {
    rules: Vec<CommandRule>,
}

/// Longer command lines than this are not typed by anybody.
const MAX_ARGUMENTS: usize = 200;

impl AllowList {
    /// Takes the rules of the floor; `like` copies what an earlier rule takes.
    pub(super) fn compile(origin: &str, texts: Vec<CommandText>) -> Result<Self, Error> {
        let mut rules: Vec<CommandRule> = Vec::new();
        for text in texts {
            let name = text.argv.join(" ");
            if text.argv.is_empty() {
                return Err(Error::self_test(origin, "command", "argv is empty"));
            }
            let mut rule = CommandRule {
                id: text.id,
                argv: text.argv,
                why: text.why,
                options: text.options,
                values: text.values,
                required_values: text.required_values,
                arguments: text.arguments,
                required: text.required,
                verifies: text.verifies,
                must_match: text.must_match,
                must_not_match: text.must_not_match,
            };
            if let Some(like) = text.like {
                let Some(model) = rules.iter().find(|r| r.argv.join(" ") == like) else {
                    let message = format!("there is no earlier command {like:?}");
                    return Err(Error::self_test(origin, &name, message));
                };
                rule.options.clone_from(&model.options);
                rule.values.clone_from(&model.values);
                rule.arguments = model.arguments;
            }
            rules.push(rule);
        }
        Ok(Self { rules })
    }

    /// Runs the tests that the rules carry.
    pub(super) fn self_test(&self, origin: &str, paths: &dyn PathJudge) -> Result<(), Error> {
        for rule in &self.rules {
            crate::policy::paths::check(
                origin,
                &rule.id,
                &rule.must_match,
                &rule.must_not_match,
                |line| {
                    let argv = shlex::split(line).unwrap_or_default();
                    self.find(&argv, CommandOrigin::Proposal, paths).is_ok()
                },
            )?;
        }
        Ok(())
    }

    /// Why a command is refused that no rule begins like.
    fn unknown(&self, program: &str) -> String {
        let of_program = self.rules.iter().filter(|rule| {
            let first = rule.argv.first();
            first.is_some_and(|first| first == program) && rule.argv.len() > 1
        });
        let begins: Vec<String> = of_program.map(|rule| rule.argv.join(" ")).collect();
        if begins.is_empty() {
            format!("no allowed command begins with {program:?}")
        } else {
            format!("does not begin with one of: {}", begins.join(", "))
        }
    }

    /// The rules.
    pub(super) fn rules(&self) -> &[CommandRule] {
        &self.rules
    }

    /// The rule that allows the command, or why none does.
    pub(super) fn find(
        &self,
        argv: &[String],
        origin: CommandOrigin,
        paths: &dyn PathJudge,
    ) -> Result<&CommandRule, String> {
        let Some(program) = argv.first() else {
            return Err("is empty".to_owned());
        };
        if argv.len() > MAX_ARGUMENTS {
            return Err(format!(
                "has {} arguments; at most {MAX_ARGUMENTS}",
                argv.len()
            ));
        }
        let unseen = |c: char| c.is_control() || crate::policy::fold::is_invisible(c);
        if argv.iter().any(|argument| argument.contains(unseen)) {
            return Err("an argument holds a character that a reader does not see".to_owned());
        }
        // A reader takes `−q` for an option, and the program takes it for a file.
        let dash = |argument: &&String| {
            !argument.starts_with('-') && crate::policy::fold::fold(argument).starts_with('-')
        };
        if let Some(disguised) = argv.iter().find(dash) {
            return Err(format!("{disguised:?} looks like an option and is none"));
        }
        let program = plain_program(program, origin);
        let mut reason: Option<(usize, String)> = None;
        for rule in &self.rules {
            let Some(rest) = rule.rest_of(program, argv) else {
                continue;
            };
            match rule.accept(rest, paths) {
                Ok(()) => return Ok(rule),
                Err(why) => {
                    if reason
                        .as_ref()
                        .is_none_or(|(length, _)| *length < rule.argv.len())
                    {
                        reason = Some((rule.argv.len(), format!("{}: {why}", rule.argv.join(" "))));
                    }
                }
            }
        }
        Err(reason.map_or_else(|| self.unknown(program), |(_, why)| why))
    }
}

/// The program's bare name. A command found in the repository's own set-up may name its virtual
/// environment, which milton found on disk; a proposal may not choose a program by its path.
fn plain_program(program: &str, origin: CommandOrigin) -> &str {
    match origin {
        CommandOrigin::Repository => ["./.venv/bin/", ".venv/bin/", "./venv/bin/", "venv/bin/"]
            .iter()
            .find_map(|folder| program.strip_prefix(folder))
            .filter(|name| !name.contains('/'))
            .unwrap_or(program),
        CommandOrigin::Proposal | CommandOrigin::Human => program,
    }
}

impl CommandRule {
    /// The arguments behind the rule's own words; `None` when the command begins otherwise.
    fn rest_of<'a>(&self, program: &str, argv: &'a [String]) -> Option<&'a [String]> {
        let (first, words) = self.argv.split_first()?;
        let (_, arguments) = argv.split_first()?;
        if first != program {
            return None;
        }
        let (head, rest) = arguments.split_at_checked(words.len())?;
        (head == words).then_some(rest)
    }

    fn accept(&self, rest: &[String], paths: &dyn PathJudge) -> Result<(), String> {
        let mut positional = 0;
        let mut only_paths = false;
        let mut seen: Vec<&str> = Vec::new();
        let mut arguments = rest.iter();
        while let Some(argument) = arguments.next() {
            if only_paths {
                self.accept_path(argument, paths)?;
                positional += 1;
            } else if argument == "--" && self.takes_paths() {
                only_paths = true;
            } else if self.options.contains(argument) {
                seen.push(argument);
            } else if argument.starts_with('-') {
                seen.push(self.accept_value(argument, &mut arguments)?);
            } else {
                self.accept_positional(argument, positional, paths)?;
                positional += 1;
            }
        }
        if self.required && positional == 0 {
            return Err("an argument is missing".to_owned());
        }
        if self.arguments == ArgumentKind::WorkBranch && positional > 1 {
            return Err("takes one branch name and nothing else".to_owned());
        }
        match self
            .required_values
            .iter()
            .find(|v| !seen.contains(&v.as_str()))
        {
            Some(missing) => Err(format!("{missing} is missing")),
            None => Ok(()),
        }
    }

    /// What the rule takes, for people.
    pub(super) fn accepted(&self) -> Vec<String> {
        let values = self
            .values
            .iter()
            .map(|(name, kind)| format!("{name} <{kind:?}>").to_lowercase());
        let mut accepted: Vec<String> = self.options.iter().cloned().chain(values).collect();
        match self.arguments {
            ArgumentKind::None => {}
            ArgumentKind::Text => accepted.push("<text>".to_owned()),
            ArgumentKind::Paths => accepted.push("<paths in the repository>".to_owned()),
            ArgumentKind::Files => accepted.push("<files that may be changed>".to_owned()),
            ArgumentKind::Tests => accepted.push("<test files, with ::selectors>".to_owned()),
            ArgumentKind::Revisions => accepted.push("<revisions>".to_owned()),
            ArgumentKind::Search => accepted.push("<text> <paths in the repository>".to_owned()),
            ArgumentKind::WorkBranch => accepted.push("self-upgrade/<topic>".to_owned()),
        }
        accepted
    }

    fn takes_paths(&self) -> bool {
        match self.arguments {
            ArgumentKind::None | ArgumentKind::Text | ArgumentKind::WorkBranch => false,
            ArgumentKind::Paths
            | ArgumentKind::Files
            | ArgumentKind::Tests
            | ArgumentKind::Revisions
            | ArgumentKind::Search => true,
        }
    }

    /// An option with a value: `--name=value`, or `--name value`.
    fn accept_value<'a>(
        &'a self,
        argument: &str,
        rest: &mut std::slice::Iter<'_, String>,
    ) -> Result<&'a str, String> {
        let (name, attached) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            Some(_) | None => (argument, None),
        };
        let Some((known, kind)) = self.values.get_key_value(name) else {
            return Err(format!("the option {argument:?} is not on the list"));
        };
        let value = match attached {
            Some(value) => value,
            None => rest
                .next()
                .ok_or_else(|| format!("the option {name:?} needs a value"))?,
        };
        let good = match kind {
            ValueKind::Number => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()),
            ValueKind::Word => {
                !value.is_empty()
                    && !value.starts_with('-')
                    && value
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "_,.-".contains(c))
            }
            ValueKind::Text => true,
        };
        if good {
            Ok(known)
        } else {
            Err(format!("{value:?} is no value for {name}"))
        }
    }

    fn accept_positional(
        &self,
        argument: &str,
        index: usize,
        paths: &dyn PathJudge,
    ) -> Result<(), String> {
        match self.arguments {
            ArgumentKind::None => Err(format!("takes no argument such as {argument:?}")),
            ArgumentKind::Text => Ok(()),
            // The first is the text to search for.
            ArgumentKind::Search if index == 0 => Ok(()),
            ArgumentKind::Paths | ArgumentKind::Files | ArgumentKind::Search => {
                self.accept_path(argument, paths)
            }
            ArgumentKind::Tests => {
                let path = argument.split("::").next().unwrap_or(argument);
                self.accept_path(path, paths)
            }
            ArgumentKind::Revisions => {
                accept_revision(argument)?;
                // `HEAD:path` prints a file.
                match argument.split_once(':') {
                    Some((_, path)) => self.accept_path(path, paths),
                    None => readable(argument, paths),
                }
            }
            ArgumentKind::WorkBranch => match branch::judge(argument, &[]) {
                Ok(_) => Ok(()),
                Err(_) => Err(format!("{argument:?} is not self-upgrade/<topic>")),
            },
        }
    }

    fn accept_path(&self, path: &str, paths: &dyn PathJudge) -> Result<(), String> {
        if path.starts_with('-') {
            // pytest reads `-p evil` even behind `--`.
            return Err(format!("{path:?} looks like an option, not like a path"));
        }
        let drive = path.as_bytes().get(1) == Some(&b':');
        if path.is_empty() || path.starts_with(['/', '~', '@', ':', '\\']) || drive {
            return Err(format!("{path:?} is not a path inside the repository"));
        }
        if path.split(['/', '\\']).any(|part| part == "..") {
            return Err(format!("{path:?} can leave the repository"));
        }
        if self.arguments == ArgumentKind::Files {
            return match paths.change(path) {
                Some(why) => Err(format!("{path:?} {why}")),
                None => Ok(()),
            };
        }
        readable(path, paths)
    }
}

fn readable(path: &str, paths: &dyn PathJudge) -> Result<(), String> {
    match paths.read(path) {
        Some(why) => Err(format!("{path:?} may hold secrets: it {why}")),
        None => Ok(()),
    }
}

/// A revision, a range or `HEAD:path`; never an option, an absolute path or a way out.
fn accept_revision(argument: &str) -> Result<(), String> {
    let plain = argument
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._/@^~{}:-+".contains(c));
    let escapes = argument.starts_with(['/', '~', ':', '.', '+']) && argument != "."
        || argument.split('/').any(|part| part == "..")
        || argument.contains(":/")
        || argument.contains("^{/");
    if plain && !escapes {
        Ok(())
    } else {
        Err(format!("{argument:?} is not a revision"))
    }
}

/// The violation of `command.not_on_allow_list`.
pub(super) fn refused(argv: &[String], why: &str) -> Violation {
    refused_text(&shown(argv), why)
}

/// The same for a command that is still one string.
pub(super) fn refused_text(text: &str, why: &str) -> Violation {
    broken(
        "command.not_on_allow_list",
        text,
        why,
        "allowed commands: milton policy explain command; anything else is yours to run by hand",
    )
}

/// A command as a reader sees it.
pub(super) fn shown(argv: &[String]) -> String {
    shlex::try_join(argv.iter().map(String::as_str)).unwrap_or_else(|_| argv.join(" "))
}
