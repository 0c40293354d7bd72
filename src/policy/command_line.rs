//! A command written as one string: split into words, or refused.
//!
//! milton has no shell. A string that only a shell could carry out (pipes, variables, substitution,
//! globs, assignments) is refused with the reason; what is left means the same in every shell, so
//! splitting it cannot change its meaning.

/// Splits a command line into words, or says which shell syntax it holds.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    refuse_shell_syntax(text)?;
    let words = shlex::split(text).ok_or_else(|| "a quotation mark is left open".to_owned())?;
    if let Some(first) = words.first()
        && is_assignment(first)
    {
        return Err(format!(
            "{first:?} sets an environment variable; milton has no shell"
        ));
    }
    if words.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(words)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

fn refuse_shell_syntax(text: &str) -> Result<(), String> {
    let mut quote = Quote::None;
    let mut previous = ' ';
    for c in text.chars() {
        if c.is_control() {
            return Err(format!(
                "holds the control character {}",
                crate::policy::finding::code_point(c)
            ));
        }
        quote = match (quote, c) {
            (Quote::None, '\'') => Quote::Single,
            (Quote::None, '"') => Quote::Double,
            (Quote::Single, '\'') | (Quote::Double, '"') => Quote::None,
            (Quote::None, c) => {
                refuse_bare(c, previous)?;
                Quote::None
            }
            (Quote::Double, '$' | '`' | '\\' | '!') => {
                return Err(format!(
                    "holds {c:?} in double quotes, where a shell acts on it"
                ));
            }
            (same, _) => same,
        };
        previous = c;
    }
    if quote == Quote::None {
        Ok(())
    } else {
        Err("a quotation mark is left open".to_owned())
    }
}

/// Refuses a character that some shell acts on; `~`, `^` and `=` are plain inside a word (`HEAD~1`,
/// `HEAD^`, `--tb=short`).
fn refuse_bare(c: char, previous: char) -> Result<(), String> {
    let first = previous == ' ';
    let home = c == '~' && (first || matches!(previous, '=' | ':'));
    let syntax = matches!(
        c,
        ';' | '&'
            | '|'
            | '<'
            | '>'
            | '$'
            | '`'
            | '('
            | ')'
            | '{'
            | '}'
            | '*'
            | '?'
            | '#'
            | '!'
            | '\\'
            | '['
            | ']'
    ) || home
        || (first && matches!(c, '=' | '^'));
    if syntax {
        return Err(format!(
            "holds the shell syntax {c:?} outside quotes; milton has no shell"
        ));
    }
    if c != ' ' && (c.is_whitespace() || crate::policy::fold::is_invisible(c)) {
        let point = crate::policy::finding::code_point(c);
        return Err(format!(
            "holds {point}, which looks like a space and is none"
        ));
    }
    Ok(())
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else {
        return false;
    };
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '+')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_one_word() {
        assert_eq!(
            split("git commit -m \"docs: git push; rm\" 'a $(b)'").unwrap(),
            ["git", "commit", "-m", "docs: git push; rm", "a $(b)"]
        );
    }

    #[test]
    fn a_revision_needs_no_quotes() {
        assert_eq!(
            split("git diff --stat=x HEAD~1 HEAD^").unwrap(),
            ["git", "diff", "--stat=x", "HEAD~1", "HEAD^"]
        );
    }

    #[test]
    fn anything_that_needs_a_shell_is_refused() {
        for text in [
            "a; b",
            "a && b",
            "a | b",
            "a > b",
            "a < b",
            "a $x",
            "a `b`",
            "a (b)",
            "{a,b}",
            "a *",
            "a ?",
            "cat ~/x",
            "a # b",
            "!a",
            "a\nb",
            "a\\b",
            "X=1 a",
            "a\u{a0}b",
            "a \"$(b)\"",
            "a \"",
            "a '",
            "",
            "  ",
            "a\tb",
            "a \"\\x\"",
            "PATH=./evil git status",
            "a\u{200b}b",
            "a ~x",
            "a --x=~/y",
            "=a",
            "^a^b",
        ] {
            assert!(split(text).is_err(), "{text:?}");
        }
    }
}
