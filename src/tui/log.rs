//! Reads windows of a command's output file: never the whole file, however large it is.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

/// The most bytes that one window holds: far more than a screen, little enough to read and split
/// within a frame.
pub(crate) const WINDOW_BYTES: u64 = 256 * 1024;

/// Which part of the file is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The end.
    Tail,
    /// The part around this byte, most of it behind.
    Around(u64),
}

/// One line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// Where it begins in the file, in bytes.
    pub(crate) offset: u64,
    /// Its text without colour sequences; of a line that was overwritten by carriage returns, the
    /// last state.
    pub(crate) text: String,
}

/// A part of an output file, split into lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// The first byte after the last line, in bytes from the file's beginning.
    pub(crate) end: u64,
    /// The size of the file when it was read.
    pub(crate) size: u64,
    /// Whole lines (the first and last may be parts of lines longer than the window).
    pub(crate) lines: Vec<LogLine>,
}

impl Window {
    /// Whether the file's first line is in it.
    pub(crate) fn at_start(&self) -> bool {
        self.lines.first().is_none_or(|l| l.offset == 0)
    }

    /// Whether the file's last line (as of reading) is in it.
    pub(crate) fn at_end(&self) -> bool {
        self.end >= self.size
    }

    /// The index of the line that holds this byte.
    pub(crate) fn line_of(&self, offset: u64) -> usize {
        let after = self.lines.partition_point(|l| l.offset <= offset);
        after.saturating_sub(1)
    }
}

/// Reads one window.
pub(crate) fn read(path: &Path, place: Place) -> io::Result<Window> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let start = match place {
        Place::Tail => size.saturating_sub(WINDOW_BYTES),
        Place::Around(at) => {
            let half = WINDOW_BYTES / 2;
            at.saturating_sub(half)
                .min(size.saturating_sub(WINDOW_BYTES))
        }
    };
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(WINDOW_BYTES).read_to_end(&mut bytes)?;
    Ok(split(&bytes, start, size))
}

fn split(bytes: &[u8], start: u64, size: u64) -> Window {
    let mut lines = Vec::new();
    let mut offset = start;
    let mut parts: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    if start > 0 && parts.len() > 1 {
        offset += parts.remove(0).len() as u64;
    }
    for part in parts {
        lines.push(LogLine {
            offset,
            text: clean(&String::from_utf8_lossy(part)),
        });
        offset += part.len() as u64;
    }
    Window {
        end: offset,
        size: size.max(offset),
        lines,
    }
}

/// Takes out colours (`ESC [ … m`), and what carriage returns overwrote. Everything else that a
/// terminal would obey stays, and the sanitiser makes it visible.
pub(crate) fn clean(line: &str) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let line = line.rsplit('\r').next().unwrap_or(line);
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        let parameters = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        if let Some(behind) = parameters.strip_prefix('m') {
            rest = behind;
        } else {
            out.push_str("\u{1b}[");
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_small_file_is_one_window() {
        let file = file(b"one\ntwo\nthree");
        let window = read(file.path(), Place::Tail).unwrap();
        let texts: Vec<_> = window.lines.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(texts, ["one", "two", "three"]);
        assert!(window.at_start() && window.at_end());
        assert_eq!(window.line_of(5), 1);
    }

    #[test]
    fn only_a_window_of_a_large_file_is_read() {
        let text: String =
            (0..200_000).fold(String::new(), |text, n| text + &format!("line {n}\n"));
        let file = file(text.as_bytes());
        let tail = read(file.path(), Place::Tail).unwrap();
        assert_eq!(tail.lines.last().unwrap().text, "line 199999");
        assert!(!tail.at_start() && tail.at_end());
        assert!(tail.lines.len() < 30_000);
        let middle = tail.lines[0].offset;
        let before = read(file.path(), Place::Around(middle)).unwrap();
        let at = before.line_of(middle);
        assert_eq!(before.lines[at].text, tail.lines[0].text);
        assert!(at > 0);
        let head = read(file.path(), Place::Around(0)).unwrap();
        assert!(head.at_start());
    }

    #[test]
    fn colours_go_and_other_sequences_stay_for_the_sanitiser() {
        assert_eq!(clean("\u{1b}[1;31mFAILED\u{1b}[0m x\n"), "FAILED x");
        assert_eq!(clean("\u{1b}[2Jgone"), "\u{1b}[2Jgone");
        assert_eq!(clean(" 10%\r 50%\r100%\r\n"), "100%");
    }
}
