//! What gives the lines of a hunk their colours: syntax, and the words that differ between a
//! removed line and the added line it became. Runs off the screen's task, one hunk at a time.

use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use crate::tui::diff::{Diff, LineKind};
use crate::tui::theme::Syntax;

/// Hunks of more lines are shown without colours: nobody reads them word by word, and the parser's
/// time grows with them.
const MAX_LINES: usize = 3_000;
/// Lines of more bytes (minified files) are shown without colours.
const MAX_LINE_BYTES: usize = 2_000;
/// What the comparison of two lines may take.
const WORDS_TIME: Duration = Duration::from_millis(20);
/// Lines that share less are another line, not a changed one: marking all words helps nobody.
const MIN_RATIO: f32 = 0.4;

/// The colours of one line, as byte ranges of its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinePaint {
    /// Kinds of source text, in order and without overlap.
    pub(crate) syntax: Vec<(Range<usize>, Syntax)>,
    /// The words that differ.
    pub(crate) words: Vec<Range<usize>>,
}

/// The colours of one hunk, a [`LinePaint`] for each of its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HunkPaint {
    /// By position in the hunk; the head is the first.
    pub(crate) lines: Vec<LinePaint>,
}

/// Computes the colours of a hunk.
pub(crate) fn paint(diff: &Diff, hunk: usize) -> HunkPaint {
    let Some(hunk) = diff.hunks.get(hunk) else {
        return HunkPaint::default();
    };
    let lines = diff.lines.get(hunk.lines.clone()).unwrap_or_default();
    if lines.len() > MAX_LINES {
        return HunkPaint::default();
    }
    let texts: Vec<(LineKind, &str)> = lines.iter().map(|l| (l.kind, diff.text(l))).collect();
    let mut painted = vec![LinePaint::default(); texts.len()];
    mark_words(&texts, &mut painted);
    let path = diff.files.get(hunk.file).map_or("", |f| f.path.as_str());
    if let Some(syntax) = syntax_of(path) {
        mark_syntax(&texts, syntax, &mut painted);
    }
    HunkPaint { lines: painted }
}

fn mark_words(texts: &[(LineKind, &str)], painted: &mut [LinePaint]) {
    let mut at = 0;
    while at < texts.len() {
        let removed = run_of(texts, at, LineKind::Removed);
        let added = run_of(texts, at + removed, LineKind::Added);
        // The first removed line is compared with the first added one, and so on.
        for pair in 0..removed.min(added) {
            mark_pair(texts, at + pair, at + removed + pair, painted);
        }
        at += (removed + added).max(1);
    }
}

fn run_of(texts: &[(LineKind, &str)], from: usize, kind: LineKind) -> usize {
    let rest = texts.get(from..).unwrap_or_default();
    rest.iter().take_while(|(k, _)| *k == kind).count()
}

fn mark_pair(texts: &[(LineKind, &str)], old: usize, new: usize, painted: &mut [LinePaint]) {
    let (Some((_, old_text)), Some((_, new_text))) = (texts.get(old), texts.get(new)) else {
        return;
    };
    if old_text.len() > MAX_LINE_BYTES || new_text.len() > MAX_LINE_BYTES {
        return;
    }
    let words = TextDiff::configure()
        .timeout(WORDS_TIME)
        .diff_unicode_words(*old_text, *new_text);
    if words.ratio() < MIN_RATIO {
        return;
    }
    let (mut old_at, mut new_at) = (0, 0);
    for change in words.iter_all_changes() {
        let bytes = change.value().len();
        match change.tag() {
            ChangeTag::Equal => {
                old_at += bytes;
                new_at += bytes;
            }
            ChangeTag::Delete => {
                push_word(painted.get_mut(old), old_at..old_at + bytes);
                old_at += bytes;
            }
            ChangeTag::Insert => {
                push_word(painted.get_mut(new), new_at..new_at + bytes);
                new_at += bytes;
            }
        }
    }
}

fn push_word(line: Option<&mut LinePaint>, range: Range<usize>) {
    let Some(line) = line else { return };
    match line.words.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        Some(_) | None => line.words.push(range),
    }
}

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_no_newlines);

fn syntax_of(path: &str) -> Option<&'static SyntaxReference> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit('.').next().unwrap_or(name);
    SYNTAXES
        .find_syntax_by_extension(name)
        .or_else(|| SYNTAXES.find_syntax_by_extension(extension))
}

fn mark_syntax(texts: &[(LineKind, &str)], syntax: &SyntaxReference, painted: &mut [LinePaint]) {
    // The old and the new side are two texts; context lines belong to both.
    let mut old = Side::new(syntax);
    let mut new = Side::new(syntax);
    for ((kind, text), line) in texts.iter().zip(painted) {
        if text.len() > MAX_LINE_BYTES {
            continue;
        }
        let spans = match kind {
            LineKind::Context => {
                old.line(text);
                new.line(text)
            }
            LineKind::Added => new.line(text),
            LineKind::Removed => old.line(text),
            LineKind::File | LineKind::Meta | LineKind::Hunk | LineKind::NoNewline => continue,
        };
        line.syntax = spans;
    }
}

struct Side {
    state: ParseState,
    scopes: ScopeStack,
}

impl Side {
    fn new(syntax: &SyntaxReference) -> Self {
        Self {
            state: ParseState::new(syntax),
            scopes: ScopeStack::new(),
        }
    }

    /// The kinds of source text in the next line; empty when the grammar fails on it.
    fn line(&mut self, text: &str) -> Vec<(Range<usize>, Syntax)> {
        let Ok(ops) = self.state.parse_line(text, &SYNTAXES) else {
            return Vec::new();
        };
        let mut spans = Vec::new();
        let mut from = 0;
        for (at, op) in ops {
            self.push(&mut spans, from..at);
            from = at;
            if self.scopes.apply(&op).is_err() {
                return spans;
            }
        }
        self.push(&mut spans, from..text.len());
        spans
    }

    fn push(&self, spans: &mut Vec<(Range<usize>, Syntax)>, range: Range<usize>) {
        if !range.is_empty()
            && let Some(kind) = kind_of(&self.scopes)
        {
            spans.push((range, kind));
        }
    }
}

static SCOPES: LazyLock<Vec<(Scope, Syntax)>> = LazyLock::new(|| {
    let table = [
        ("comment", Syntax::Comment),
        ("string", Syntax::Text),
        ("constant.numeric", Syntax::Number),
        ("constant.language", Syntax::Number),
        ("keyword.operator", Syntax::Keyword),
        ("keyword", Syntax::Keyword),
        ("storage", Syntax::Keyword),
        ("entity.name.function", Syntax::Function),
        ("support.function", Syntax::Function),
        ("variable.function", Syntax::Function),
        ("entity.name", Syntax::Type),
        ("support.type", Syntax::Type),
        ("entity.name.tag", Syntax::Keyword),
    ];
    let parsed = table
        .into_iter()
        .filter_map(|(name, kind)| Some((Scope::new(name).ok()?, kind)));
    parsed.collect()
});

fn kind_of(scopes: &ScopeStack) -> Option<Syntax> {
    scopes.as_slice().iter().rev().find_map(|scope| {
        let known = SCOPES
            .iter()
            .find(|(prefix, _)| prefix.is_prefix_of(*scope));
        known.map(|(_, kind)| *kind)
    })
}
