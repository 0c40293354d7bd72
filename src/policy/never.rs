//! Commands that nobody starts through milton, not even the human with `--test`.
//!
//! The sandbox would stop what they do; this is the refusal that says so beforehand. It reads the
//! program's base name, looks behind wrappers (`env`, `timeout`, `xargs`) and into `sh -c` strings.

use crate::policy::source::NeverText;

/// Why the command is never started; `None` when nothing speaks against it.
pub(super) fn refuse(never: &NeverText, argv: &[String]) -> Option<String> {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    if let Some(reason) = refuse_one(never, &words) {
        return Some(reason);
    }
    let program = base_name(words.first()?);
    let rest = words.get(1..).unwrap_or_default();
    if never.wrappers.contains(&program) {
        // The wrapped program is somewhere behind the wrapper's own options and assignments; what
        // stands behind a test runner or a script is an argument.
        let ends = |word: &&str| {
            let name = base_name(word);
            never.runners.contains(&name) || never.shells.contains(&name)
        };
        let last = rest.iter().position(ends).unwrap_or(rest.len());
        let mut heads = suffixes(rest).take(last + 1);
        let reason = heads.find_map(|tail| refuse_any(never, tail));
        // `env -S "git push"`, `watch "git push"`: some wrappers split one argument or give it to a
        // shell. Values of variables (`A=git push`) are not commands.
        let mut strings = rest.iter().take(last).filter(|word| !is_assignment(word));
        let reason = reason.or_else(|| {
            let joined = |word: &&str| word.contains(' ').then(|| script_words(word));
            strings.find_map(|word| refuse_words(never, &joined(word)?))
        });
        if let Some(reason) = reason {
            return Some(format!("{program} would start it: {reason}"));
        }
    }
    if never.shells.contains(&program) {
        return refuse_in_script(never, &program, rest);
    }
    None
}

/// A command or the script of an interpreter.
fn refuse_any(never: &NeverText, words: &[&str]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let program = base_name(first);
    refuse_one(never, words).or_else(|| {
        never
            .shells
            .contains(&program)
            .then(|| refuse_in_script(never, &program, rest))?
    })
}

/// `sh -c "…"`, `python -m pip install`, `python -c "os.system('git push')"`.
fn refuse_in_script(never: &NeverText, program: &str, rest: &[&str]) -> Option<String> {
    if let Some(reason) = module_of(rest).and_then(|words| refuse_one(never, &words)) {
        return Some(format!("{program} -m would start it: {reason}"));
    }
    rest.iter().find_map(|text| {
        let words = script_words(text);
        // A single word is an argument, not a script.
        if words.len() < 2 {
            return None;
        }
        let reason = refuse_words(never, &words)?;
        Some(format!("the script of {program} names it: {reason}"))
    })
}

/// The module behind `-m`, which may be joined to its value or to other options (`-mpip`, `-Im pip`),
/// and what follows it.
fn module_of<'a>(rest: &[&'a str]) -> Option<Vec<&'a str>> {
    let is_option = |word: &&str| word.starts_with('-') && !word.starts_with("--");
    let at = rest
        .iter()
        .position(|word| is_option(word) && word.contains('m'))?;
    let (_, joined) = rest.get(at)?.split_once('m')?;
    let tail = rest.get(at + 1..).unwrap_or_default();
    let joined = (!joined.is_empty()).then_some(joined);
    Some(joined.into_iter().chain(tail.iter().copied()).collect())
}

/// The words of a script: quotes and backslashes split words for the eye, not for the shell.
fn script_words(text: &str) -> Vec<String> {
    let joined: String = text
        .chars()
        .filter(|c| !matches!(c, '"' | '\'' | '\\'))
        .collect();
    let words = joined.split(|c: char| !(c.is_alphanumeric() || "._/+-".contains(c)));
    let plain = words.map(|word| word.strip_prefix("-S").unwrap_or(word));
    plain
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn refuse_words(never: &NeverText, words: &[String]) -> Option<String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    suffixes(&words).find_map(|tail| refuse_one(never, tail))
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

fn suffixes<'a>(words: &'a [&'a str]) -> impl Iterator<Item = &'a [&'a str]> {
    (0..words.len()).filter_map(|at| words.get(at..))
}

fn refuse_one(never: &NeverText, words: &[&str]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let program = base_name(first);
    if never.programs.contains(&program) || never.programs.contains(&whole_name(first)) {
        return Some(format!("{program} is never started ({})", never.why));
    }
    if program == "git" {
        return refuse_git(never, rest);
    }
    if let Some(verb) = program.strip_prefix("git-") {
        let read = never.git_reads.iter().any(|known| known == verb);
        return (!read).then(|| format!("git {verb} is never started ({})", never.why));
    }
    let verbs = never.verbs.get(&program)?;
    let verb = rest
        .iter()
        .find(|word| verbs.iter().any(|verb| verb == *word))?;
    Some(format!("{program} {verb} is never started ({})", never.why))
}

fn refuse_git(never: &NeverText, rest: &[&str]) -> Option<String> {
    let verb = rest.first()?;
    if matches!(*verb, "--version" | "--help" | "version" | "help") {
        return None;
    }
    if verb.starts_with('-') {
        return Some(format!(
            "git takes no option before its verb here, such as {verb:?}"
        ));
    }
    let read = never.git_reads.iter().any(|known| known == verb);
    (!read).then(|| format!("git {verb} is never started ({})", never.why))
}

/// `/usr/bin/Python3.12` is `python`.
fn base_name(program: &str) -> String {
    let lower = whole_name(program);
    let plain = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    // `ip6tables`-like names keep their digits inside; only a version at the end goes.
    if plain.is_empty() { &lower } else { plain }.to_owned()
}

/// The same with its digits, for the programs whose name ends with one.
fn whole_name(program: &str) -> String {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program);
    let lower = crate::policy::fold::fold(name);
    lower.strip_suffix(".exe").unwrap_or(&lower).to_owned()
}
