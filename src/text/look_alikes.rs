//! Letters that a reader would take for ASCII ones.

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::MixedScript as _;
use unicode_security::confusable_detection::skeleton;

use super::is_mark;

/// The byte positions of letters that a reader would take for ASCII ones, in order.
pub(super) fn look_alikes(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    if !text.chars().any(|c| !c.is_ascii() && is_word(c)) {
        return found;
    }
    // A line in another script has letters of its own; single look-alike words are normal there.
    let foreign_line = text
        .chars()
        .any(|c| !c.is_ascii() && c.is_alphabetic() && !is_latin(c) && !looks_ascii(c));
    let mut start = 0;
    for word in text.split_inclusive(|c| !is_word(c)) {
        let letters = word.trim_end_matches(|c| !is_word(c));
        if !letters.is_ascii() {
            judge_word(letters, start, foreign_line, &mut found);
        }
        start += word.len();
    }
    found
}

fn judge_word(word: &str, start: usize, foreign_line: bool, found: &mut Vec<usize>) {
    let mixed = !word.is_single_script();
    let masquerade = !foreign_line
        && word
            .chars()
            .all(|c| !c.is_alphabetic() || (looks_ascii(c) && !is_lower_greek(c)));
    for (at, c) in word.char_indices() {
        let foreign = !c.is_ascii() && c.is_alphabetic() && !is_latin(c) && looks_ascii(c);
        if is_styled_ascii(c) || (foreign && (mixed || masquerade)) {
            found.push(start + at);
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || is_mark(c)
}

fn is_latin(c: char) -> bool {
    let with_latin: String = ['a', c].into_iter().collect();
    with_latin.is_single_script()
}

/// Whether Unicode's table of confusable characters draws it as ASCII letters or digits.
fn looks_ascii(c: char) -> bool {
    let mut buffer = [0; 4];
    let text: &str = c.encode_utf8(&mut buffer);
    skeleton(text).all(|s| s.is_ascii_alphanumeric())
}

/// Full-width and mathematical letters: Python, for one, reads `𝐞val` as `eval`.
fn is_styled_ascii(c: char) -> bool {
    if c.is_ascii() || !c.is_alphanumeric() {
        return false;
    }
    // Superscript digits are everyday text; full-width and mathematical digits are not.
    let is_everyday_number = !c.is_alphabetic() && u32::from(c) < 0xff00;
    let mut plain = std::iter::once(c).nfkc();
    !is_everyday_number
        && plain.next().is_some_and(|p| p.is_ascii_alphanumeric())
        && plain.next().is_none()
}

/// Unicode calls α confusable with a; in formulas it stands alone all the time.
fn is_lower_greek(c: char) -> bool {
    matches!(c, '\u{3ac}'..='\u{3ce}') && c != 'ο'
}
