//! Which pane is where. A pure function of the terminal's size and what there is to show.

use ratatui::layout::Rect;

use crate::tui::keymap::Pane;

/// How much fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// One sentence.
    TooSmall,
    /// Status, one pane without frame, the decision line.
    Tiny,
    /// One pane at a time, with a strip of all panes.
    Single,
    /// A rail at the left, diff and log at the right.
    Two,
    /// A second rail at the right.
    Three,
}

/// What the layout depends on besides the size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    pub(crate) focus: Pane,
    pub(crate) zoom: bool,
    /// Whether a phase runs, so that the log is large.
    pub(crate) busy: bool,
    /// Whether the log shows output rather than its list.
    pub(crate) output: bool,
    /// Rows of the header.
    pub(crate) header: u16,
    /// Rows that each pane would like, by [`Pane::number`] minus one, without its frame.
    pub(crate) rows: [u16; 6],
}

/// The places on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    pub(crate) class: Class,
    pub(crate) header: Rect,
    /// The strip of all panes, where only one is shown.
    pub(crate) strip: Option<Rect>,
    /// The panes on screen.
    pub(crate) panes: Vec<(Pane, Rect)>,
    /// The log in one line.
    pub(crate) log_line: Option<Rect>,
    /// What approval needs, or what happens. Empty only when too small.
    pub(crate) decision: Rect,
    /// The keys.
    pub(crate) hints: Option<Rect>,
}

impl Screen {
    /// Nothing, before the first settling.
    pub(crate) fn empty() -> Self {
        Self {
            class: Class::TooSmall,
            header: Rect::ZERO,
            strip: None,
            panes: Vec::new(),
            log_line: None,
            decision: Rect::ZERO,
            hints: None,
        }
    }

    /// Where a pane is, when it is on screen.
    pub(crate) fn rect(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|(p, _)| *p == pane).map(|(_, r)| *r)
    }

    /// The inside of a pane.
    pub(crate) fn inner(&self, pane: Pane) -> Option<Rect> {
        let rect = self.rect(pane)?;
        if self.class <= Class::Tiny {
            return Some(rect);
        }
        Some(Rect {
            x: rect.x + 1,
            y: rect.y + 1,
            width: rect.width.saturating_sub(2),
            height: rect.height.saturating_sub(2),
        })
    }
}

/// The class of a size.
pub(crate) fn class((width, height): (u16, u16)) -> Class {
    if width < 20 || height < 5 {
        Class::TooSmall
    } else if width < 60 || height < 16 {
        Class::Tiny
    } else if width < 100 {
        Class::Single
    } else if width < 150 {
        Class::Two
    } else {
        Class::Three
    }
}

/// Places everything.
pub(crate) fn screen((width, height): (u16, u16), needs: &Needs) -> Screen {
    let class = class((width, height));
    let mut left = Rect::new(0, 0, width, height);
    let mut screen = Screen {
        class,
        ..Screen::empty()
    };
    if class == Class::TooSmall {
        return screen;
    }
    let header = if class == Class::Tiny {
        1
    } else {
        needs.header
    };
    screen.header = take_top(&mut left, header);
    if class != Class::Tiny || height >= 8 {
        screen.hints = Some(take_bottom(&mut left, 1));
    }
    screen.decision = take_bottom(&mut left, 1);
    match class {
        Class::TooSmall => {}
        Class::Tiny => screen.panes.push((needs.focus, left)),
        Class::Single => {
            screen.strip = Some(take_top(&mut left, 1));
            if needs.focus != Pane::Log {
                screen.log_line = Some(take_bottom(&mut left, 1));
            }
            screen.panes.push((needs.focus, left));
        }
        Class::Two | Class::Three => columns(&mut screen, left, needs),
    }
    screen
}

fn columns(screen: &mut Screen, mut left: Rect, needs: &Needs) {
    if needs.zoom {
        screen.panes.push((needs.focus, left));
        return;
    }
    if screen.class == Class::Three {
        let rail = take_left(&mut left, 39);
        let right = take_right(&mut left, 44);
        stack(screen, rail, &[Pane::Plan, Pane::Files], needs);
        main(screen, left, needs);
        stack(screen, right, &[Pane::Checklist, Pane::Comments], needs);
    } else {
        let columns = if left.width >= 110 { 36 } else { 33 };
        let rail = take_left(&mut left, columns);
        let panes = [Pane::Plan, Pane::Files, Pane::Checklist, Pane::Comments];
        stack(screen, rail, &panes, needs);
        main(screen, left, needs);
    }
}

/// The diff above the log.
fn main(screen: &mut Screen, mut area: Rect, needs: &Needs) {
    if area.height < 14 && needs.focus != Pane::Log {
        screen.log_line = Some(take_bottom(&mut area, 1));
        screen.panes.push((Pane::Diff, area));
        return;
    }
    let rows = needs.rows.get(Pane::Log.number() - 1).copied().unwrap_or(0) + 2;
    let large = needs.busy || needs.focus == Pane::Log && needs.output;
    let log = if large {
        area.height * 11 / 20
    } else {
        rows.clamp(3, (area.height / 3).max(5))
    };
    let log = take_bottom(&mut area, log);
    screen.panes.push((Pane::Diff, area));
    screen.panes.push((Pane::Log, log));
}

/// Shares a rail: each pane gets the rows it can fill, the first panes more of what is left.
fn stack(screen: &mut Screen, mut area: Rect, panes: &[Pane], needs: &Needs) {
    let wish = |pane: Pane| {
        let rows = needs.rows.get(pane.number() - 1).copied().unwrap_or(0);
        rows.saturating_add(2).max(3)
    };
    let least = |pane: Pane| match pane {
        Pane::Plan | Pane::Checklist => wish(pane).min(10),
        Pane::Files => wish(pane).min(5),
        Pane::Comments | Pane::Diff | Pane::Log => 3,
    };
    let mut shown: Vec<(Pane, u16)> = panes.iter().map(|p| (*p, least(*p))).collect();
    let total = |shown: &[(Pane, u16)]| shown.iter().map(|(_, h)| *h).sum::<u16>();
    // Too low for all: first every pane down to three rows, then panes go from the end.
    while total(&shown) > area.height {
        let highest = shown
            .iter_mut()
            .filter(|(_, h)| *h > 3)
            .max_by_key(|(_, h)| *h);
        if let Some((_, height)) = highest {
            *height -= 1;
            continue;
        }
        let spare = shown.iter().rposition(|(p, _)| *p != needs.focus);
        let Some(spare) = spare else { break };
        shown.remove(spare);
    }
    let mut spare = area.height.saturating_sub(total(&shown));
    // What the reviewer acts on comes first; the plan has the most text and takes what is left.
    for wanted in [Pane::Files, Pane::Checklist, Pane::Comments, Pane::Plan] {
        let entry = shown.iter_mut().find(|(pane, _)| *pane == wanted);
        if let Some((pane, height)) = entry {
            let more = wish(*pane).saturating_sub(*height).min(spare);
            *height += more;
            spare -= more;
        }
    }
    // Nobody needs the rest: the last pane but the comments ends where the rail ends.
    if let Some((_, height)) = shown.iter_mut().rev().find(|(p, _)| *p != Pane::Comments) {
        *height += spare;
    }
    for (pane, height) in shown {
        screen.panes.push((pane, take_top(&mut area, height)));
    }
}

fn take_top(area: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    let top = Rect {
        height: rows,
        ..*area
    };
    area.y += rows;
    area.height -= rows;
    top
}

fn take_bottom(area: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    area.height -= rows;
    Rect {
        y: area.y + area.height,
        height: rows,
        ..*area
    }
}

fn take_left(area: &mut Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    let left = Rect {
        width: columns,
        ..*area
    };
    area.x += columns;
    area.width -= columns;
    left
}

fn take_right(area: &mut Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    area.width -= columns;
    Rect {
        x: area.x + area.width,
        width: columns,
        ..*area
    }
}
