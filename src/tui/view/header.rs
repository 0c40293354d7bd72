//! The top of the screen: what is under review, in which state, under which conditions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Decision, Phase, Status, TestOutcome, TestReport, Tier};
use crate::tui::app::App;
use crate::tui::layout::{Class, class};
use crate::tui::row::Row;
use crate::tui::theme::Role;
use crate::tui::view::{put, words};

/// The state in one word.
pub(crate) fn state(app: &App) -> (Role, &'static str) {
    match app.run.decision {
        Decision::Approved => return (Role::StateGood, "[APPROVED]"),
        Decision::ChangesRequested => return (Role::Warn, "[CHANGES REQUESTED]"),
        Decision::Abandoned => return (Role::StateBad, "[ABANDONED]"),
        Decision::Pending => {}
    }
    if app.run.is_busy() {
        return (Role::StateRunning, "[RUNNING]");
    }
    match app.run.status {
        None => (Role::StateRunning, "[RUNNING]"),
        Some(Status::Success) => (Role::StateGood, "[REVIEW]"),
        Some(Status::TestFailure) if app.run.acknowledged.is_some() => (Role::Warn, "[REVIEW]"),
        Some(Status::BlockedByPolicy) => (Role::StateBad, "[BLOCKED]"),
        Some(Status::Stopped) => (Role::StateBad, "[STOPPED]"),
        Some(
            Status::TestFailure | Status::GitError | Status::PlanError | Status::InternalError,
        ) => (Role::StateBad, "[FAILED]"),
    }
}

/// How many rows the header takes at the terminal's size.
pub(crate) fn height(app: &App) -> u16 {
    let width = usize::from(app.size.0);
    let facts = facts_rows(app, width).len();
    u16::try_from(facts + 1).unwrap_or(1)
}

/// Draws the header.
pub(crate) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let rows = if area.height <= 1 {
        vec![tiny(app, width)]
    } else {
        let mut rows = vec![identity(app, width)];
        rows.extend(facts_rows(app, width));
        rows
    };
    for (row, y) in rows.into_iter().zip(area.y..area.bottom()) {
        put(app, row, Rect::new(area.x, y, area.width, 1), buffer);
    }
}

fn row(app: &App) -> Row {
    Row::new(app.theme)
}

/// What the header calls the run: its branch, or what it will be.
fn name(app: &App) -> String {
    match (&app.run.branch, &app.run.plan) {
        (Some(branch), _) => branch.to_string(),
        (None, Some(plan)) => format!("self-upgrade/{}", plan.topic),
        (None, None) => app.run.goal().lines().next().unwrap_or_default().to_owned(),
    }
}

/// The clock of what runs, or nothing: a clock that stands looks frozen, and one that counts while
/// somebody reads would only hurry. How long the phases took is in the plan pane.
fn elapsed(app: &App) -> Option<String> {
    if !app.run.is_busy() {
        return None;
    }
    // A run that finished before is running its tests again.
    let again = app.run.finished.and(app.run.running_command());
    let began = again.map(|command| command.started).or(app.run.started)?;
    Some(words::clock(words::between(began, app.now.wall) / 1_000))
}

fn status_row(app: &App, with_run: bool) -> Row {
    let (role, word) = state(app);
    let mut right = row(app);
    if with_run {
        right = right.put(Role::Dim, format!("run {} ", app.run.run.short()));
    }
    right = right.put(role, word);
    if !app.is_live() {
        right = right.put(Role::Warn, " read only");
    }
    let clock = elapsed(app).map_or(String::new(), |clock| format!(" {clock}"));
    right.put(Role::Text, format!("{clock} "))
}

fn identity(app: &App, width: usize) -> Row {
    let base = app.run.base.as_ref().map(|o| o.short().to_owned());
    let branch = app.run.base_branch.clone();
    let long_base = match (&branch, &base) {
        (Some(branch), Some(base)) => format!("{branch}@{base}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => String::new(),
    };
    let short_base = branch.or(base).unwrap_or_default();
    let commit = app.run.commit.as_ref().map_or("", |o| o.short());
    let tree = app.run.tree.as_ref().and_then(|o| o.as_str().get(..8));
    let arrow = |base: &str, gap: &str| {
        if commit.is_empty() {
            base.to_owned()
        } else {
            format!("{base}{gap}→{gap}{commit}")
        }
    };
    let tree = tree.map_or(String::new(), |tree| format!("  tree {tree}"));
    let name = name(app);
    let build = |logo: &str, origin: String| {
        row(app)
            .put(Role::Dim, logo)
            .put(Role::Strong, &name)
            .put(Role::Text, origin)
    };
    let wide = format!("   {}{tree}", arrow(&long_base, " "));
    let narrow = format!("  {}{tree}", arrow(&short_base, ""));
    let candidates = [
        build(" milton  ", wide.clone()),
        build(" ", wide),
        build(" ", narrow),
        build(" ", format!("  {}", arrow(&short_base, ""))),
        build(" ", String::new()),
    ];
    let right = status_row(app, width >= 100);
    let room = width.saturating_sub(right.width() + 2);
    let fitting = candidates.iter().find(|r| r.width() <= room);
    let left = fitting.cloned().unwrap_or_else(|| {
        row(app)
            .put(Role::Text, " ")
            .fitted(Role::Strong, &name, room.saturating_sub(1))
    });
    left.right(right, width)
}

fn tiny(app: &App, width: usize) -> Row {
    let mut right = row(app);
    for alarm in alarms(app) {
        right = right.put(Role::Alarm, alarm).put(Role::Text, " ");
    }
    let (role, word) = state(app);
    let right = right.put(role, word).put(Role::Text, " ");
    if right.width() + 4 > width {
        let alarm = alarms(app).first().cloned().unwrap_or_default();
        return row(app)
            .put(role, word)
            .put(Role::Text, " ")
            .put(Role::Alarm, alarm);
    }
    let room = width.saturating_sub(right.width() + 2);
    let name = name(app);
    let topic = name.strip_prefix("self-upgrade/").unwrap_or(&name);
    let left = row(app)
        .put(Role::Text, " ")
        .fitted(Role::Strong, topic, room);
    left.right(right, width)
}

/// What must never be overlooked, in words.
fn alarms(app: &App) -> Vec<String> {
    let mut alarms = Vec::new();
    let skipped = app
        .run
        .tests
        .as_ref()
        .is_some_and(|t| t.outcome == TestOutcome::Skipped);
    let switched_off = app.run.overrides.iter().any(|o| o.name == "SKIP_TESTS");
    if skipped || switched_off {
        alarms.push("TESTS SKIPPED".to_owned());
    }
    let others = app.run.overrides.iter().filter(|o| o.name != "SKIP_TESTS");
    alarms.extend(others.map(|o| format!("OVERRIDE {}", o.label())));
    alarms
}

/// The facts, as many a row as fit; none is ever cut or dropped. Where it saves a row they stand
/// closer.
fn facts_rows(app: &App, width: usize) -> Vec<Row> {
    let separators = if class(app.size) >= Class::Two {
        ["   ", "  "]
    } else {
        [" · ", "  "]
    };
    let facts = facts(app);
    let [wide, close] = separators.map(|separator| flow(app, &facts, separator, width));
    if close.len() < wide.len() {
        close
    } else {
        wide
    }
}

fn flow(app: &App, facts: &[Row], separator: &str, width: usize) -> Vec<Row> {
    let gap = separator.chars().count();
    let mut rows: Vec<Row> = Vec::new();
    for fact in facts {
        let room = width.saturating_sub(1);
        match rows.last_mut() {
            Some(last) if last.width() + gap + fact.width() <= room => {
                *last = last.clone().put(Role::Dim, separator).join(fact.clone());
            }
            Some(_) | None => rows.push(row(app).put(Role::Text, " ").join(fact.clone())),
        }
    }
    rows
}

fn facts(app: &App) -> Vec<Row> {
    let compact = class(app.size) < Class::Two;
    let mut facts: Vec<Row> = alarms(app)
        .into_iter()
        .map(|alarm| row(app).put(Role::Alarm, alarm))
        .collect();
    facts.push(policy(app, compact));
    facts.extend(tests(app, compact));
    facts.extend(budgets(app));
    facts.extend(sandbox(app, compact));
    facts.extend(findings(app, compact));
    facts
}

fn policy(app: &App, compact: bool) -> Row {
    let violations = app.run.violations().count();
    let row = row(app).put(Role::Dim, "policy ");
    if violations > 0 {
        let text = words::count(violations, "violation", "violations");
        return row.put(Role::Bad, format!("[!!] {text}"));
    }
    if app.run.proposal_verdict.is_none() {
        return row.put(Role::Dim, "[--]");
    }
    let rules = app.run.policy.as_ref().map(|p| p.rules);
    match rules {
        Some(rules) if !compact => row
            .put(Role::Ok, "[ok]")
            .put(Role::Text, format!(" {rules} rules")),
        Some(_) | None => row.put(Role::Ok, "[ok]"),
    }
}

fn tests(app: &App, compact: bool) -> Option<Row> {
    let row = row(app).put(Role::Dim, "tests ");
    let running = app
        .run
        .phases
        .last()
        .is_some_and(|p| p.phase == Phase::Tests && p.outcome.is_none());
    if running || app.run.retesting {
        return Some(row.put(Role::Running, "[>>] running"));
    }
    let Some(report) = &app.run.tests else {
        return (app.run.status.is_none()).then(|| row.put(Role::Dim, "[--]"));
    };
    let time = words::duration(milliseconds(report.seconds));
    let row = match report.outcome {
        TestOutcome::Passed if app.tests_open() => row.put(
            Role::Warn,
            format!("[!!] {} passed, not ticked {time}", report.passed),
        ),
        TestOutcome::Passed => row.put(Role::Ok, "[ok]").put(
            Role::Text,
            format!(
                " {}{} {time}",
                report.passed,
                if compact { "" } else { " passed" }
            ),
        ),
        TestOutcome::Failed if report.failed > 0 => row.put(
            Role::Bad,
            format!(
                "[!!] {} failed{}, {} passed {time}",
                report.failed,
                since(report),
                report.passed
            ),
        ),
        TestOutcome::Failed => row.put(Role::Bad, "[!!] failed"),
        TestOutcome::TimedOut => row.put(Role::Bad, format!("[!!] timed out {time}")),
        TestOutcome::NoneCounted => row.put(Role::Bad, "[!!] none counted"),
        TestOutcome::NoReport => row.put(Role::Bad, "[!!] no report"),
        TestOutcome::NotStarted => row.put(Role::Bad, "[!!] not started"),
        // An alarm of its own says so, first in the row.
        TestOutcome::Skipped => return None,
    };
    let acknowledged = app.run.acknowledged.is_some();
    Some(if acknowledged {
        row.put(Role::Warn, " acknowledged")
    } else {
        row
    })
}

/// How many of the failures are new, where that is known.
fn since(report: &TestReport) -> String {
    let facts = &report.integrity;
    match (facts.new_failures.count, facts.old_failures.count) {
        (0, 0) => String::new(),
        (_, 0) => " (new)".to_owned(),
        (0, _) => " (none new)".to_owned(),
        (new, _) => format!(" ({new} new)"),
    }
}

/// Seconds of a report as milliseconds.
pub(super) fn milliseconds(seconds: f64) -> u64 {
    let duration = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `files 2/10`, red when over the limit.
pub(super) fn budgets(app: &App) -> Vec<Row> {
    let Some(policy) = &app.run.policy else {
        return Vec::new();
    };
    if app.run.proposal_verdict.is_none() && app.run.diff.is_none() {
        return Vec::new();
    }
    let budget = |name: &str, have: u64, max: u64| {
        let (role, over) = if have > max {
            (Role::Bad, " over")
        } else {
            (Role::Text, "")
        };
        row(app)
            .put(Role::Dim, format!("{name} "))
            .put(role, format!("{have}/{max}{over}"))
    };
    vec![
        budget("files", app.run.stats.files, policy.max_files),
        budget("lines", app.run.stats.lines(), policy.max_lines),
    ]
}

fn sandbox(app: &App, compact: bool) -> Option<Row> {
    let sandbox = app.run.sandbox.as_ref()?;
    let row = row(app).put(Role::Dim, "sandbox ");
    Some(match sandbox.tier {
        // Where room is short only a weaker sandbox is worth a word.
        Tier::Full if sandbox.gaps.is_empty() && compact => return None,
        Tier::Full if sandbox.gaps.is_empty() => row.put(Role::Ok, "[ok]").put(Role::Text, " full"),
        Tier::Full | Tier::Bubblewrap | Tier::Fallback => {
            row.put(Role::Warn, format!("[!] {} reduced", sandbox.tier.as_str()))
        }
        Tier::None => row.put(Role::Alarm, "[!!] none: not isolated"),
    })
}

fn findings(app: &App, compact: bool) -> Option<Row> {
    let total = app.run.findings.len();
    let unread = app.run.findings.iter().filter(|f| !f.read).count();
    let row = row(app).put(Role::Dim, "findings ");
    match (total, unread) {
        (0, _) => app.run.plan.is_some().then(|| row.put(Role::Text, "0")),
        (_, 0) => Some(row.put(Role::Ok, "[ok]").put(
            Role::Text,
            format!(" {total}{}", if compact { "" } else { " read" }),
        )),
        _ => Some(row.put(
            Role::Warn,
            format!("[!] {unread}{}", if compact { "" } else { " unread" }),
        )),
    }
}
