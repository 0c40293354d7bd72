//! What a change may put into files: text, in the line ends it had, without secrets, and without
//! characters that hide something from the reviewer unseen.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;
use unicode_security::mixed_script::AugmentedScriptSet;

use crate::model::{FileChange, Risk, Violation};
use crate::policy::finding::{broken, code_point, risk};
use crate::policy::fold;
use crate::policy::lines::{self, Line};
use crate::policy::secrets::{Effect, Scanner};

/// More notes than this about one file say nothing new.
const MAX_NOTES: usize = 5;

const SECRET_REMEDY: &str = "remove it from the change and revoke it if it was ever real; a test can build such a text at run time";

/// Judges the two contents of one file.
pub(super) fn judge(file: &FileChange, scanner: &Scanner) -> (Vec<Violation>, Vec<Risk>) {
    let before = file.before.as_ref().map_or(&[][..], |state| state.bytes());
    let after = file.after.as_ref().map_or(&[][..], |state| state.bytes());
    let mut violations = Vec::new();
    for (content, side) in [(before, "old"), (after, "new")] {
        if let Some(why) = not_text(content) {
            let detail = format!("the {side} content {why}; a reviewer cannot read it");
            violations.push(broken(
                "content.binary",
                &file.path,
                detail,
                "change binary files by hand",
            ));
        }
    }
    violations.extend(line_endings(&file.path, before, after));
    let added = lines::only_in(after, before);
    let removed = lines::only_in(before, after);
    violations.extend(secrets(&file.path, &added, "line", scanner));
    violations.extend(secrets(&file.path, &removed, "removed line", scanner));
    violations.extend(split_secrets(&file.path, &added, scanner));
    violations.extend(wide_secrets(&file.path, after, scanner));
    let mut risks = hidden_characters(&file.path, &added);
    risks.extend(secret_names(&file.path, &added, scanner));
    (violations, risks)
}

fn not_text(content: &[u8]) -> Option<&'static str> {
    if content.contains(&0) {
        Some("holds a NUL byte (binary, or UTF-16 text)")
    } else if std::str::from_utf8(content).is_err() {
        Some("is not UTF-8")
    } else {
        None
    }
}

/// A change that turns the line ends of a whole file makes every line look changed and hides the one
/// that is; a lone CR makes a terminal write over what it just wrote.
fn line_endings(path: &str, before: &[u8], after: &[u8]) -> Option<Violation> {
    let (old, new) = (lines::ends(before), lines::ends(after));
    let detail = if new.lone_cr > old.lone_cr {
        format!("adds {} lone carriage returns", new.lone_cr - old.lone_cr)
    } else if old.lf > 0 && old.crlf == 0 && new.crlf > new.lf {
        "turns the line ends of the file from LF to CRLF".to_owned()
    } else if old.crlf > 0 && old.lf == 0 && new.lf > new.crlf {
        "turns the line ends of the file from CRLF to LF".to_owned()
    } else {
        return None;
    };
    let remedy = "keep the line ends that the file has";
    Some(broken("content.line_endings", path, detail, remedy))
}

fn secrets(path: &str, lines: &[Line<'_>], what: &str, scanner: &Scanner) -> Vec<Violation> {
    let mut violations = Vec::new();
    for line in lines {
        for hit in scanner.scan(&String::from_utf8_lossy(line.text), Effect::Block) {
            let detail = format!("{what} {}: {}", line.number, hit.masked());
            violations.push(broken("content.secret", path, detail, SECRET_REMEDY));
        }
    }
    violations
}

/// Secrets that are written as several literals (`"ghp_" + "…"`), on one line or on several: the
/// literals are joined, and only secrets that keep their form are looked for.
fn split_secrets(path: &str, added: &[Line<'_>], scanner: &Scanner) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut rest = added;
    while let Some(first) = rest.first() {
        let follows = |pair: &[Line<'_>]| matches!(pair, [a, b] if b.number <= a.number + 1);
        let length = 1 + rest.windows(2).take_while(|pair| follows(pair)).count();
        let (block, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = tail;
        let lines: Vec<_> = block
            .iter()
            .map(|l| String::from_utf8_lossy(l.text))
            .collect();
        let text = lines.join("\n");
        let Some(joined) = join_literals(&text) else {
            continue;
        };
        let known: Vec<String> = lines
            .iter()
            .flat_map(|line| scanner.scan(line, Effect::Block))
            .map(|hit| hit.rule)
            .collect();
        for hit in scanner.scan_joined(&joined) {
            if !known.contains(&hit.rule) {
                let at = block.last().map_or(first.number, |last| last.number);
                let detail = format!("lines {} to {at}, joined: {}", first.number, hit.masked());
                violations.push(broken("content.secret", path, detail, SECRET_REMEDY));
            }
        }
    }
    violations
}

/// The text without the seams between literals; `None` when it has none.
fn join_literals(text: &str) -> Option<String> {
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    let mut seams = 0;
    while let Some(at) = rest.find(['"', '\'', '`']) {
        let (before, quoted) = rest.split_at_checked(at)?;
        let behind = quoted.get(1..).unwrap_or_default();
        joined.push_str(before);
        // Only what programs write between two literals: operators, line ends, prefixes.
        let seam = behind.trim_start_matches(|c: char| c.is_whitespace() || "+.&\\()".contains(c));
        let seam = seam.trim_start_matches(['b', 'r', 'u', 'f', 'B', 'R', 'U', 'F']);
        if let Some(next) = seam.strip_prefix(['"', '\'', '`']) {
            seams += 1;
            rest = next;
        } else {
            joined.push_str(quoted.get(..1).unwrap_or_default());
            rest = behind;
        }
    }
    joined.push_str(rest);
    (seams > 0).then_some(joined)
}

/// Secrets in UTF-16 or UTF-32 text, of either byte order: without its NUL bytes it is ASCII.
fn wide_secrets(path: &str, content: &[u8], scanner: &Scanner) -> Vec<Violation> {
    if !content.contains(&0) {
        return Vec::new();
    }
    let narrow: Vec<u8> = content.iter().copied().filter(|b| *b != 0).collect();
    secrets(path, &lines::split(&narrow), "line", scanner)
}

/// Secrets in text that is not a file: the goal, a note, a name.
pub(super) fn secrets_in(subject: &str, text: &str, scanner: &Scanner) -> Vec<Violation> {
    scanner
        .scan(text, Effect::Block)
        .into_iter()
        .map(|hit| {
            let detail = format!("holds {}", hit.masked());
            broken("content.secret", subject, detail, SECRET_REMEDY)
        })
        .collect()
}

fn secret_names(path: &str, added: &[Line<'_>], scanner: &Scanner) -> Vec<Risk> {
    let mut risks = Vec::new();
    for line in added {
        let text = String::from_utf8_lossy(line.text);
        // The masked value would say nothing that the name does not.
        if !scanner.scan(&text, Effect::Note).is_empty() {
            let detail =
                "gives a value to something named like a secret; it looks like plain words";
            risks.push(risk("secret_like", &at(path, line), detail));
        }
    }
    capped(risks, path)
}

fn hidden_characters(path: &str, added: &[Line<'_>]) -> Vec<Risk> {
    let mut risks = Vec::new();
    for line in added {
        let text = String::from_utf8_lossy(line.text);
        // A byte order mark at the start of a file is common and shows nothing false.
        let text = match line.number {
            1 => text.strip_prefix('\u{feff}').unwrap_or(&text),
            _ => &text,
        };
        let carriage = "holds U+000D alone, which makes a terminal write over the line";
        let lone_cr = line.lone_cr.then(|| carriage.to_owned());
        let tab = || indents_by_space(path).then(|| tab_inside(text)).flatten();
        if let Some(detail) = lone_cr.or_else(|| hidden_in(text)).or_else(tab) {
            risks.push(risk("hidden_characters", &at(path, line), detail));
        }
    }
    capped(risks, path)
}

/// The same for a text that is not a file: a name, the goal, the request, a note.
pub(super) fn hidden_in_text(subject: &str, text: &str) -> Option<Risk> {
    let mut lines = text.lines();
    let detail = lines.find_map(|line| hidden_in(line).or_else(|| tab_inside(line)))?;
    Some(risk("hidden_characters", subject, detail))
}

/// Whether a file is of a kind in which nobody lines up text with tabs, as Go, C, makefiles and
/// tables do.
fn indents_by_space(path: &str) -> bool {
    const KINDS: [&str; 21] = [
        "css", "html", "java", "js", "json", "jsx", "kt", "md", "mjs", "php", "py", "pyi", "rb",
        "rs", "rst", "scala", "swift", "toml", "ts", "tsx", "yaml",
    ];
    let kind = path.rsplit_once('.').map_or("", |(_, kind)| kind);
    KINDS.contains(&kind) || kind == "yml"
}

/// A tab behind text, where it looks like any number of spaces.
fn tab_inside(line: &str) -> Option<String> {
    line.trim()
        .contains('\t')
        .then(|| "holds a tab behind text, which looks like spaces".to_owned())
}

fn hidden_in(line: &str) -> Option<String> {
    let mut previous = ' ';
    let mut marks = 0;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let unseen = (c.is_control() && c != '\t') || fold::is_invisible(c);
        if unseen && !is_emoji_part(previous, c, chars.peek().copied()) {
            let point = code_point(c);
            return Some(format!(
                "holds {point}, which a terminal acts on or a reader does not see"
            ));
        }
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if marks > 4 {
            return Some("stacks more than four combining marks on one character".to_owned());
        }
        previous = c;
    }
    let word = line
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .find(|word| is_disguised(word))?;
    Some(format!(
        "{word:?} looks like {:?} and is not",
        fold::fold(word)
    ))
}

/// Whether an invisible character belongs to the picture before it (`❤️`) or joins two (`👩‍🚀`).
fn is_emoji_part(previous: char, c: char, next: Option<char>) -> bool {
    let picture = |c: char| {
        matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}') && c != '\u{2800}'
    };
    match c {
        '\u{fe0f}' => picture(previous),
        '\u{200d}' => (picture(previous) || previous == '\u{fe0f}') && next.is_some_and(picture),
        _ => false,
    }
}

/// Whether a word of two or more characters is spelled so that it looks like another: with letters
/// that a compiler may fold to ASCII (`𝗲𝘃𝗮𝗹` is `eval` to Python), or with look-alikes of other
/// scripts between ASCII letters or throughout.
fn is_disguised(word: &str) -> bool {
    if word.is_ascii() || word.chars().nth(1).is_none() {
        return false;
    }
    let folds = |c: char| {
        let mut folded = c.nfkc();
        let letter = folded
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic());
        !c.is_ascii() && c.is_alphabetic() && letter && folded.next().is_none()
    };
    let ascii = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mixed = word.chars().any(|c| c.is_ascii_alphabetic());
    let throughout = word.chars().all(|c| ascii(c) || is_look_alike(c));
    word.chars().any(folds) || (word.chars().any(is_look_alike) && (mixed || throughout))
}

/// Whether a letter of another script looks like an ASCII letter.
fn is_look_alike(c: char) -> bool {
    if c.is_ascii() || !c.is_alphabetic() {
        return false;
    }
    let mut scripts = AugmentedScriptSet::for_char(c);
    // Empty only for letters that are neither Latin nor common to all scripts (`µ`).
    scripts.intersect_with(AugmentedScriptSet::for_char('a'));
    let mut buffer = [0; 4];
    let looks_ascii = skeleton(c.encode_utf8(&mut buffer)).all(|look| look.is_ascii());
    scripts.is_empty() && looks_ascii
}

fn at(path: &str, line: &Line<'_>) -> String {
    format!("{path}:{}", line.number)
}

fn capped(mut risks: Vec<Risk>, path: &str) -> Vec<Risk> {
    let more = risks.len().saturating_sub(MAX_NOTES);
    if let (true, Some(first)) = (more > 0, risks.first()) {
        let last = risk(&first.id, path, format!("{more} more lines like this"));
        risks.truncate(MAX_NOTES);
        risks.push(last);
    }
    risks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FileMode, FileState, LineStat};
    use crate::policy::secrets::fill;

    fn scanner() -> Scanner {
        Scanner::compile("embedded", include_str!("../../assets/secrets.toml")).unwrap()
    }

    fn judged(before: Option<&[u8]>, after: Option<&[u8]>) -> (Vec<Violation>, Vec<Risk>) {
        let state = |c: &[u8]| FileState::proposed(FileMode::Regular, c.to_vec());
        let file = FileChange {
            path: "a.txt".to_owned(),
            before: before.map(state),
            after: after.map(state),
            renamed_from: None,
            lines: LineStat::default(),
        };
        judge(&file, &scanner())
    }

    fn rules(before: Option<&[u8]>, after: Option<&[u8]>) -> Vec<String> {
        judged(before, after)
            .0
            .into_iter()
            .map(|v| v.rule)
            .collect()
    }

    #[test]
    fn binary_content_is_refused_on_either_side() {
        assert_eq!(rules(None, Some(b"a\0b")), ["content.binary"]);
        assert_eq!(rules(Some(b"\xff\xfe"), None), ["content.binary"]);
        assert!(rules(None, Some("ü\n".as_bytes())).is_empty());
    }

    #[test]
    fn turning_the_line_ends_of_a_file_is_refused() {
        assert_eq!(
            rules(Some(b"a\nb\n"), Some(b"a\r\nb\r\n")),
            ["content.line_endings"]
        );
        assert_eq!(
            rules(Some(b"a\r\nb\r\n"), Some(b"a\nb\n")),
            ["content.line_endings"]
        );
        assert_eq!(rules(None, Some(b"safe\revil\n")), ["content.line_endings"]);
        assert!(rules(Some(b"a\r\nb\r\n"), Some(b"a\r\nc\r\n")).is_empty());
        assert!(rules(None, Some(b"a\r\n")).is_empty());
    }

    #[test]
    fn a_secret_is_found_in_added_and_removed_lines_and_in_utf_16() {
        let token = fill("x = \"ghp_{alnum:36}\"\n");
        let wide: Vec<u8> = token.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(rules(None, Some(token.as_bytes())), ["content.secret"]);
        assert_eq!(rules(Some(token.as_bytes()), Some(b"")), ["content.secret"]);
        assert!(rules(None, Some(&wide)).contains(&"content.secret".to_owned()));
    }

    #[test]
    fn a_secret_in_several_literals_is_found() {
        let token = fill("ghp_{alnum:36}");
        let (a, b) = token.split_at(12);
        for text in [
            format!("x = \"{a}\" + \"{b}\"\n"),
            format!("x = '{a}' '{b}'\n"),
            format!("x = (\"{a}\"\n     \"{b}\")\n"),
            format!("x = `{a}` + \\\n  r'{b}'\n"),
        ] {
            assert_eq!(
                rules(None, Some(text.as_bytes())),
                ["content.secret"],
                "{text}"
            );
        }
        let apart = format!("x = ['{a}', '{b}']\n");
        assert!(rules(None, Some(apart.as_bytes())).is_empty());
    }

    #[test]
    fn a_secret_that_stays_where_it_was_is_not_this_changes_doing() {
        let token = fill("x = \"ghp_{alnum:36}\"\n");
        let after = format!("{token}y = 1\n");
        assert!(rules(Some(token.as_bytes()), Some(after.as_bytes())).is_empty());
    }

    #[test]
    fn what_a_reader_does_not_see_is_noted_with_its_line() {
        for hidden in [
            "a\u{1b}[31m",
            "abc\u{8}x",
            "p\u{200b}ay",
            "a\u{9b}31m",
            "a\u{2028}b",
            "p\u{430}ss",
            "x\u{202e}y",
            "a\0b",
            "a\u{301}\u{301}\u{301}\u{301}\u{301}",
            "\u{441}\u{43e}\u{440}\u{443}",
            "𝗲𝘃𝗮𝗹(x)",
            "ｅval(x)",
            "a\u{fe0f}",
            "x\u{200d}❤",
        ] {
            let risks = judged(None, Some(format!("ok\n{hidden}\n").as_bytes())).1;
            assert_eq!(risks[0].id, "hidden_characters", "{hidden:?}");
            assert_eq!(risks[0].subject, "a.txt:2", "{hidden:?}");
        }
        for plain in [
            "a\tb",
            "Straße naïve",
            "日本語 text",
            "Привет мир",
            "α + β",
            "440µs, Athenæum, durmayı, m², нора",
            "❤\u{fe0f} and 👩\u{200d}🚀",
            "“quoted” – dash…",
        ] {
            assert_eq!(judged(None, Some(plain.as_bytes())).1, [], "{plain:?}");
        }
    }

    #[test]
    fn a_secret_key_of_plain_words_is_a_note() {
        let (violations, risks) = judged(None, Some(b"Signer(secret_key=\"my-secret-key\")\n"));
        assert_eq!(violations, []);
        assert_eq!(risks[0].id, "secret_like");
    }
}
