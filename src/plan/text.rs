//! Small helpers that show untrusted text inside a message.

/// The longest line shown in a message, in characters.
const SHOWN: usize = 160;

/// A line as a message shows it: lossy UTF-8, control characters spelled out (a stray `\r` or tab
/// is often the whole reason why a line does not match), shortened.
pub(super) fn visible(bytes: &[u8]) -> String {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    // Four bytes a character at most: nothing beyond that can be shown.
    let head = line.get(..SHOWN * 4).unwrap_or(line);
    let text = String::from_utf8_lossy(head);
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN {
            shown.push('…');
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `1 file`, `2 files`.
pub(super) fn count(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{n} {noun}s")
    }
}
