//! Folding: the spellings under which a name is compared.
//!
//! A file system, an editor or a reader may take `.ＥＮＶ`, `.e<zero width>nv`, `a\.env` and
//! `x/../.env` for the same name, so a rule has to see through them. Folding is only ever used to
//! refuse: nothing is written under a folded name.

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::confusable_detection::skeleton;

/// Which prototype of a look-alike is taken first. `Ι` (Greek iota) looks like `l` by the Unicode
/// table and like `i` once it is lower-cased, so one folding is not enough.
#[derive(Clone, Copy)]
enum Preference {
    Lower,
    AsIs,
    Upper,
}

/// Every spelling under which a path is compared with the rules, without doubles: the lower-cased
/// text as written, then its foldings. ASCII paths have one or two.
pub(super) fn spellings(path: &str) -> Vec<String> {
    let mut all = vec![path.to_lowercase()];
    for preference in [Preference::Lower, Preference::AsIs, Preference::Upper] {
        let folded = resolve(&fold_text(path, preference));
        if !all.contains(&folded) {
            all.push(folded);
        }
    }
    all
}

/// The one folding that decides whether two names collide.
pub(super) fn collision_key(name: &str) -> String {
    fold_text(name, Preference::Lower)
}

/// Folds text that is not a path (branch names, words): NFKC, look-alikes, case, invisible
/// characters.
pub(super) fn fold(text: &str) -> String {
    fold_text(text, Preference::Lower)
}

/// Whether the text is its own canonical spelling as a path: NFC, nothing invisible, no backslash,
/// no `.`, `..` or empty component.
pub(super) fn is_canonical(path: &str) -> bool {
    !path.contains('\\')
        && !path.split('/').any(|part| matches!(part, "" | "." | ".."))
        && path.nfkc().eq(path.chars())
        && !path.chars().any(is_invisible)
        && !path.chars().any(char::is_control)
}

/// Whether a reader does not see the character: default ignorable, format, bidi, tag characters.
pub(super) fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return false;
    }
    // The interlinear annotation and a few format characters are not "default ignorable".
    let format = matches!(c, '\u{0600}'..='\u{0605}' | '\u{061C}' | '\u{06DD}' | '\u{070F}'
        | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{206F}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E007F}' | '\u{2800}');
    let mut buffer = [0; 4];
    format || skeleton(c.encode_utf8(&mut buffer)).next().is_none()
}

fn fold_text(text: &str, preference: Preference) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkc().map(full_size) {
        // An i with a second dot (`\u{130}` in lower case, or a combining dot) looks like an i.
        let c = if c == '\u{130}' { 'i' } else { c };
        if c == '\u{307}' && folded.ends_with(['i', 'j']) {
            continue;
        }
        if c.is_ascii() && !c.is_ascii_control() {
            folded.push(c.to_ascii_lowercase());
        } else if !c.is_control() && !is_invisible(c) {
            push_look_alike(&mut folded, c, preference);
        }
    }
    folded
}

/// The capital that a small capital of phonetic writing is drawn from (`\u{262}it`); no table of
/// look-alikes has them all.
fn full_size(c: char) -> char {
    const SMALL: &str = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ";
    const LARGE: &str = "abcdefghijklmnoprstuvwyz";
    if c.is_ascii() {
        return c;
    }
    let at = SMALL.chars().position(|small| small == c);
    at.and_then(|at| LARGE.chars().nth(at)).unwrap_or(c)
}

/// Pushes the ASCII text that `c` looks like, or `c` in lower case.
fn push_look_alike(folded: &mut String, c: char, preference: Preference) {
    // Only a case that is one character keeps the look: `ß` does not look like `SS`.
    let single = |cased: &mut dyn Iterator<Item = char>| match (cased.next(), cased.next()) {
        (Some(one), None) => one,
        (Some(_), Some(_)) | (None, _) => c,
    };
    let lower = single(&mut c.to_lowercase());
    let upper = single(&mut c.to_uppercase());
    let order = match preference {
        Preference::Lower => [lower, c, upper],
        Preference::AsIs => [c, lower, upper],
        Preference::Upper => [upper, c, lower],
    };
    for spelling in order {
        let mut buffer = [0; 4];
        let look: String = skeleton(spelling.encode_utf8(&mut buffer)).collect();
        if look.is_ascii() {
            folded.push_str(&look.to_ascii_lowercase());
            return;
        }
    }
    folded.extend(c.to_lowercase());
}

/// Resolves separators, `.` and `..`, and drops what Windows drops: dots and spaces at the end of a
/// component. A `..` that leaves the repository stays.
fn resolve(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                if parts.last().is_none_or(|last| *last == "..") {
                    parts.push("..");
                } else {
                    parts.pop();
                }
            }
            name => {
                let trimmed = name.trim_end_matches(['.', ' ']).trim_start();
                parts.push(if trimmed.is_empty() { name } else { trimmed });
            }
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_disguise_of_a_name_folds_to_the_name() {
        for disguise in [
            ".ENV",
            ".\u{ff45}nv",
            ".e\u{200b}nv",
            "./.env",
            "a/../.env",
            ".\\.env",
            ".env.",
            ".env ",
            ".\u{0435}nv",
            ".e\u{00ad}nv",
            ".e\u{e0041}nv",
            ".e\u{7}nv",
            "\u{2024}env",
            ".//.env",
            ".\u{1d07}\u{274}\u{1d20}",
        ] {
            let all = spellings(disguise);
            assert!(all.iter().any(|s| s == ".env"), "{disguise:?}: {all:?}");
        }
    }

    #[test]
    fn look_alikes_of_other_scripts_fold_to_ascii() {
        for (disguise, name) in [
            ("s\u{0435}crets/x", "secrets/x"),
            ("\u{0399}d_rsa", "id_rsa"),
            ("to\u{043a}en", "token"),
            ("\u{0422}oken", "token"),
            ("\u{0442}oken", "token"),
            (".git\u{2044}config", ".git/config"),
            (".G\u{130}T/config", ".git/config"),
            (".gi\u{307}t/config", ".git/config"),
            (".\u{262}it/config", ".git/config"),
            ("ma\u{131}n", "main"),
        ] {
            let all = spellings(disguise);
            assert!(all.iter().any(|s| s == name), "{disguise:?}: {all:?}");
        }
    }

    #[test]
    fn ordinary_names_of_other_languages_stay_themselves() {
        assert_eq!(fold("über/日本.py"), "über/日本.py");
        assert!(is_canonical("docs/über/日本.py"));
        assert!(!is_canonical("x/../y"));
        assert!(!is_canonical("a\u{200b}b"));
    }

    #[test]
    fn a_path_that_leaves_the_repository_still_does_after_folding() {
        assert!(spellings("x/../../y").iter().any(|s| s == "../y"));
    }
}
