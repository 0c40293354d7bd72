//! Text from outside as Markdown that cannot be more than text, and cut to a bearable length.

use std::fmt::Write as _;

use crate::text;

/// The most of one end of an output that is shown, in bytes: some outputs have endless lines.
const MAX_OUTPUT: usize = 8 << 10;

/// Text between the lines of a fence that is longer than any in it.
pub(super) fn fenced(content: &str, language: &str, page: &mut String) {
    let content = text::visible_block_with_tabs(content);
    let fence = "`".repeat(longest_run(&content).max(2) + 1);
    let content = content.trim_end_matches('\n');
    // Writing to a String cannot fail.
    let _ = writeln!(page, "{fence}{language}\n{content}\n{fence}");
}

/// Text as an inline code span.
pub(super) fn code(content: &str) -> String {
    let content = text::visible(content);
    let ticks = "`".repeat(longest_run(&content) + 1);
    // The spaces are taken off by the reader; without them a backtick at an end would join.
    let pad = if content.starts_with('`') || content.ends_with('`') || content.trim().is_empty() {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{content}{pad}{ticks}")
}

/// A code span in a table, where a bar would end the cell.
pub(super) fn cell(content: &str) -> String {
    code(content).replace('|', "\\|")
}

/// Text as ordinary words: nothing in it is markup.
pub(super) fn escaped(content: &str) -> String {
    let mut result = String::with_capacity(content.len());
    for c in text::visible(content).chars() {
        match c {
            '<' => result.push_str("&lt;"),
            '&' => result.push_str("&amp;"),
            // Would call somebody, or point at an issue, in a pull request.
            '@' => result.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '>' | '#' | '|' | '~' | '!' => {
                result.push('\\');
                result.push(c);
            }
            c => result.push(c),
        }
    }
    result
}

fn longest_run(content: &str) -> usize {
    let runs = content.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// As many whole lines as fit.
pub(super) fn whole_lines(content: &str, max: usize) -> &str {
    if content.len() <= max {
        return content;
    }
    let cut = char_boundary(content, max);
    let fitting = content.get(..cut).unwrap_or_default();
    let end = fitting.rfind('\n').map_or(fitting.len(), |at| at + 1);
    fitting.get(..end).unwrap_or_default()
}

pub(super) fn first_lines(content: &str, lines: usize) -> &str {
    let end = content.match_indices('\n').nth(lines - 1);
    let end = end.map_or(content.len(), |(at, _)| at + 1);
    let end = char_boundary(content, end.min(MAX_OUTPUT));
    content.get(..end).unwrap_or_default()
}

pub(super) fn last_lines(content: &str, lines: usize) -> &str {
    let body = content.trim_end_matches('\n');
    let begin = body.rmatch_indices('\n').nth(lines - 1);
    let begin = begin.map_or(0, |(at, _)| at + 1);
    let begin = begin.max(content.len().saturating_sub(MAX_OUTPUT));
    let begin = (begin..=content.len()).find(|at| content.is_char_boundary(*at));
    content
        .get(begin.unwrap_or(content.len())..)
        .unwrap_or_default()
}

/// The nearest place at or before `at` where text may be cut.
fn char_boundary(content: &str, at: usize) -> usize {
    let cuts = (0..=at.min(content.len())).rev();
    cuts.into_iter()
        .find(|cut| content.is_char_boundary(*cut))
        .unwrap_or(0)
}
