//! Whether a value could be a secret: random, and not words, code or a placeholder.

/// Runs of so many characters in the order of the alphabet or of the digits stand in examples.
const SEQUENCE: usize = 8;

/// What stands in templates, addresses and examples, and never in a secret.
const NO_SECRET: [&str; 10] = [
    "${", "{{", "<", ">", "://", "(", ")", "...", "arn:", "example",
];

/// Whether a value is random enough to be a secret, and not words, code or a placeholder.
pub(super) fn is_random(value: &str, least: f64) -> bool {
    let lower = value.to_ascii_lowercase();
    let placeholder = value.starts_with(['$', '{', '%'])
        || NO_SECRET.iter().any(|part| lower.contains(part))
        || is_sequence(lower.as_bytes());
    !placeholder && !is_words(value) && entropy(value) >= least
}

/// Whether characters follow each other as in `abcdefgh` or `12345678`.
fn is_sequence(lower: &[u8]) -> bool {
    let mut run = 1;
    for pair in lower.windows(2) {
        let next = matches!(pair, [a, b] if a.is_ascii_alphanumeric() && *b == a.wrapping_add(1));
        run = if next { run + 1 } else { 1 };
        if run >= SEQUENCE {
            return true;
        }
    }
    false
}

/// Whether a value is made of words and short numbers (`predictable-key-2024`, `_PrivateKey`).
fn is_words(value: &str) -> bool {
    let value = value.replace("%20", " ");
    value
        .split(|c: char| !c.is_ascii_alphanumeric())
        .all(is_word)
}

/// Lower case, upper case, or humps of at least three letters; at most four digits behind.
fn is_word(piece: &str) -> bool {
    let letters = piece.trim_end_matches(|c: char| c.is_ascii_digit());
    let short = letters.len() <= 40 && piece.len() - letters.len() <= 4;
    let upper = letters.chars().all(|c| c.is_ascii_uppercase());
    let mut hump = 3;
    let mut humps = true;
    for c in letters.chars() {
        humps &= c.is_ascii_lowercase() || (c.is_ascii_uppercase() && hump >= 3);
        hump = if c.is_ascii_uppercase() { 1 } else { hump + 1 };
    }
    short && (upper || humps)
}

/// The Shannon entropy in bits a character.
#[expect(
    clippy::cast_precision_loss,
    reason = "the counts are lengths of lines"
)]
fn entropy(value: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for c in value.chars() {
        *counts.entry(c).or_insert(0_usize) += 1;
    }
    let length = value.chars().count() as f64;
    counts
        .values()
        .map(|count| {
            let share = *count as f64 / length;
            -share * share.log2()
        })
        .sum()
}

/// A longer value is a block of text: one word of it says nothing about the rest.
const LONGEST_EXAMPLE: usize = 1000;

/// Whether a value says of itself that it is none: the example keys of vendors' manuals, and filled
/// with one character.
pub(super) fn is_example(value: &str) -> bool {
    if value.len() > LONGEST_EXAMPLE || value.starts_with("-----BEGIN") {
        return false;
    }
    let filled = |c: char| {
        let eight: String = std::iter::repeat_n(c, 8).collect();
        value.contains(&eight)
    };
    value.contains("EXAMPLE") || filled('x') || filled('X') || filled('*')
}
