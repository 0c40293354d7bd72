//! The paths in a patch's head lines, which git may write between quotes.

/// The path of a `---` or `+++` line; `None` for `/dev/null`.
pub(super) fn side(text: &str) -> Option<String> {
    // `diff -u` writes a time after a tab.
    let name = unquote(text.split('\t').next().unwrap_or(text));
    if name == "/dev/null" {
        return None;
    }
    let stripped = name.strip_prefix("a/").or_else(|| name.strip_prefix("b/"));
    Some(stripped.unwrap_or(&name).to_owned())
}

/// The path of a `diff --git a/x b/x` line. The two are the same except for renames, which name
/// both paths on lines of their own.
pub(super) fn from_header(names: &str) -> String {
    if let Some(second) = names.rfind(" \"b/") {
        return side(names.get(second + 1..).unwrap_or_default()).unwrap_or_default();
    }
    let half = names.len() / 2;
    let second = names.get(half + 1..).unwrap_or_default();
    let same = names.get(..half).and_then(|n| n.strip_prefix("a/")) == second.strip_prefix("b/");
    let second = if same {
        second
    } else {
        names
            .rfind(" b/")
            .and_then(|at| names.get(at + 1..))
            .unwrap_or(names)
    };
    side(second).unwrap_or_default()
}

/// Undoes git's C-style quotes, where there are some.
pub(super) fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some(escaped) = rest.next() else {
            bytes.push(b'\\');
            break;
        };
        bytes.push(match escaped {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'0'..=b'7' => {
                let mut value = u32::from(escaped - b'0');
                for _ in 0..2 {
                    if let Some(digit) = rest.next_if(|d| (b'0'..=b'7').contains(d)) {
                        value = value * 8 + u32::from(digit - b'0');
                    }
                }
                u8::try_from(value & 0xff).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
