//! Examples of secrets as templates, so that no literal one stands in the sources.

/// Fills a template such as `ghp_{alnum:36}`; `{{` and `}}` are braces. The characters come from a
/// fixed sequence, so that a test always sees the same line.
pub(in crate::policy) fn fill(template: &str) -> String {
    let mut filled = String::new();
    let mut state = 0x2545_f491_u32;
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        if let Some(tail) = rest.strip_prefix("{{") {
            filled.push('{');
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix("}}") {
            filled.push('}');
            rest = tail;
        } else {
            let (slot, tail) = rest.split_once('}').unwrap_or((rest, ""));
            fill_slot(&mut filled, slot.trim_start_matches('{'), &mut state);
            rest = tail;
        }
    }
    filled.push_str(rest);
    filled
}

fn fill_slot(filled: &mut String, slot: &str, state: &mut u32) {
    let (kind, count) = slot.split_once(':').unwrap_or((slot, "0"));
    let alphabet = match kind {
        "alnum" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "base64" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "lower" => "abcdefghijklmnopqrstuvwxyz0123456789",
        "caps" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "upper" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "hex" => "0123456789abcdef",
        "digit" => "0123456789",
        "dash" => "-",
        // Not a slot: the words stay as they are.
        literal => return filled.push_str(literal),
    };
    let letters: Vec<char> = alphabet.chars().collect();
    for _ in 0..count.parse().unwrap_or(0_usize) {
        // A plain linear congruential generator; its high bits are good enough to look random.
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let index = (*state >> 16) as usize % letters.len();
        filled.extend(letters.get(index));
    }
}
