//! `milton doctor`: what works here, found out by doing.

use std::path::Path;

use crate::cli::{output, sources};
use crate::config::Settings;
use crate::error::Failure;
use crate::exec::{self, Supervisor};
use crate::git;
use crate::model::{ExitKind, Tier, TierChoice};

/// One line of the report.
struct Finding {
    mark: &'static str,
    subject: &'static str,
    text: String,
}

impl Finding {
    fn good(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            mark: "[ok]",
            subject,
            text: text.into(),
        }
    }
    fn note(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            mark: "[--]",
            subject,
            text: text.into(),
        }
    }
    fn bad(subject: &'static str, text: impl Into<String>) -> Self {
        Self {
            mark: "[!!]",
            subject,
            text: text.into(),
        }
    }
}

/// `milton doctor`.
pub(super) fn doctor(settings: &Settings, repository: Option<&Path>) -> Result<u8, Failure> {
    let opened = sources::repository(settings, repository);
    let mut findings = vec![repository_finding(&opened)];
    if let Ok(repository) = &opened {
        findings.push(base_finding(repository));
        findings.push(user_finding(repository));
    }
    findings.push(store_finding(settings, opened.as_ref().ok()));
    findings.push(policy_finding(settings));
    findings.push(supervisor_finding(settings));
    findings.push(pytest_finding(settings)?);
    findings.extend(sandbox_findings(settings));
    findings.push(terminal_finding(settings));
    let lines: Vec<String> = findings
        .iter()
        .map(|f| format!("{} {:<11} {}\n", f.mark, f.subject, f.text))
        .collect();
    output::print(&lines.concat())?;
    Ok(u8::from(findings.iter().any(|f| f.mark == "[!!]")) * crate::error::EXIT_USAGE)
}

fn repository_finding(opened: &Result<git::Repository, Failure>) -> Finding {
    match opened {
        Ok(repository) => Finding::good("repository", repository.root().display().to_string()),
        Err(failure) => Finding::bad("repository", format!("{failure}; {}", failure.hint)),
    }
}

fn base_finding(repository: &git::Repository) -> Finding {
    match repository.resolve_base(None) {
        Ok(base) => {
            let branch = base.branch.unwrap_or_else(|| "detached HEAD".to_owned());
            Finding::good("base", format!("{branch} at {}", base.commit.short()))
        }
        Err(error) => Finding::bad("base", format!("{error}; {}", error.hint())),
    }
}

fn user_finding(repository: &git::Repository) -> Finding {
    let name = repository.user_name();
    if name == "unknown" {
        return Finding::bad(
            "git user",
            "not set: git config --global user.name \"You\" && git config --global user.email you@example.com",
        );
    }
    Finding::good("git user", name)
}

fn store_finding(settings: &Settings, repository: Option<&git::Repository>) -> Finding {
    match sources::store(settings, repository) {
        Ok(_) => Finding::good("run store", settings.state_dir.display().to_string()),
        Err(failure) => Finding::bad("run store", format!("{failure}; {}", failure.hint)),
    }
}

fn policy_finding(settings: &Settings) -> Finding {
    let human = match sources::human_policy(settings) {
        Ok(human) => human,
        Err(failure) => return Finding::bad("policy", format!("{failure}; {}", failure.hint)),
    };
    let sources = crate::policy::Sources {
        repository: None,
        user: human
            .file
            .as_ref()
            .map(|(path, text)| crate::policy::UserPolicy {
                path: path.clone(),
                text,
            }),
        user_file: human.user_file,
        overrides: human.overrides,
    };
    match crate::policy::Policy::load(sources) {
        Ok(policy) => {
            let summary = policy.summary();
            Finding::good(
                "policy",
                format!(
                    "version {}, {} rules hold their own examples",
                    summary.version, summary.rules
                ),
            )
        }
        Err(error) => Finding::bad("policy", error.to_string()),
    }
}

fn supervisor_finding(settings: &Settings) -> Finding {
    match try_command(settings, "true", &[]) {
        Ok(Some(ExitKind::Exited { code: 0 })) => {
            Finding::good("commands", "start, are supervised and leave nothing behind")
        }
        Ok(Some(other)) => Finding::bad(
            "commands",
            format!("the trial command `true` did not end well: {other:?}"),
        ),
        Ok(None) => Finding::bad(
            "commands",
            "the trial command `true` is not on PATH: correct PATH, commands are looked up there",
        ),
        Err(failure) => Finding::bad("commands", failure.message),
    }
}

fn pytest_finding(settings: &Settings) -> Result<Finding, Failure> {
    Ok(match find_pytest(settings)? {
        Some(how) => Finding::good("pytest", how),
        None => Finding::note(
            "pytest",
            "not found: python3 -m pip install pytest (or use the project's .venv)",
        ),
    })
}

/// Every tier, tried by doing, and what the strongest one stops, tried live.
fn sandbox_findings(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut best = None;
    let bubblewrap = exec::bubblewrap(settings.variable("PATH"));
    for tier in [Tier::Full, Tier::Bubblewrap, Tier::Fallback] {
        findings.push(
            match exec::probe(tier, &settings.program, bubblewrap.as_deref()) {
                Ok(()) => {
                    best = best.or(Some(tier));
                    Finding::good("sandbox", format!("tier {} works here", tier.as_str()))
                }
                Err(reason) => {
                    Finding::note("sandbox", format!("tier {}: {reason}", tier.as_str()))
                }
            },
        );
    }
    let wanted = match settings.sandbox {
        TierChoice::Only(tier) => Some(tier),
        TierChoice::Strongest => best,
    };
    match wanted {
        Some(tier) => findings.extend(attempt_findings(tier, settings, bubblewrap.as_deref())),
        None => findings.push(Finding::bad(
            "sandbox",
            "no tier works here: runs with tests are refused; --sandbox none runs them without \
             isolation, on your own responsibility",
        )),
    }
    findings
}

fn attempt_findings(tier: Tier, settings: &Settings, bubblewrap: Option<&Path>) -> Vec<Finding> {
    let tried = match exec::attempts(tier, &settings.program, bubblewrap) {
        Ok(tried) => tried,
        Err(reason) => return vec![Finding::bad("sandbox", reason)],
    };
    let (stopped, open): (Vec<_>, Vec<_>) = tried.iter().partition(|attempt| attempt.stopped);
    let words = |attempts: &[&exec::Attempt]| {
        let words: Vec<&str> = attempts.iter().map(|attempt| attempt.what).collect();
        words.join("; ")
    };
    let of = format!(
        "tier {}: of {} attempts of a hostile test",
        tier.as_str(),
        tried.len()
    );
    let mut findings = Vec::new();
    if !stopped.is_empty() {
        let text = format!("{of} these were stopped: {}", words(&stopped));
        findings.push(Finding::good("sandbox", text));
    }
    if !open.is_empty() {
        let text = format!("{of} these got through: {}", words(&open));
        findings.push(Finding::note("sandbox", text));
    }
    findings
}

fn terminal_finding(settings: &Settings) -> Finding {
    if !settings.terminal.output {
        return Finding::note(
            "terminal",
            "standard output is no terminal: runs are headless",
        );
    }
    let size = crossterm::terminal::size()
        .map_or_else(|_| "unknown size".to_owned(), |(w, h)| format!("{w}x{h}"));
    let colour = if settings.no_color {
        "no colour (NO_COLOR)"
    } else {
        "colour"
    };
    Finding::good("terminal", format!("{size}, {colour}"))
}

/// How pytest can be started here, found out by starting it.
pub(super) fn find_pytest(settings: &Settings) -> Result<Option<String>, Failure> {
    for (program, arguments) in [
        ("pytest", &["--version"][..]),
        ("python3", &["-m", "pytest", "--version"][..]),
    ] {
        if let Some(ExitKind::Exited { code: 0 }) = try_command(settings, program, arguments)? {
            return Ok(Some([&[program], arguments].concat().join(" ")));
        }
    }
    Ok(None)
}

/// Runs a harmless command as a verification command would be run; `None` when there is no such
/// program.
fn try_command(
    settings: &Settings,
    name: &str,
    arguments: &[&str],
) -> Result<Option<ExitKind>, Failure> {
    let place = tempfile::tempdir().map_err(|e| {
        Failure::usage(
            format!("cannot make a temporary folder: {e}"),
            "set TMPDIR to one that can be written",
        )
    })?;
    let failed = |error: exec::Error| Failure::usage(error.to_string(), error.hint());
    let root = place.path().join("tree");
    std::fs::create_dir(&root).map_err(|e| Failure::internal(e.to_string()))?;
    let view = exec::prepare_view(&exec::ViewRequest {
        root,
        checkout: place.path(),
        linked: &[],
        parent_env: &settings.environment,
        restricted: false,
        scratch: place.path(),
    })
    .map_err(failed)?;
    let path = settings.variable("PATH");
    let Ok(program) = exec::resolve_program(name, &view, path, place.path()) else {
        return Ok(None);
    };
    let argv = std::iter::once(name)
        .chain(arguments.iter().copied())
        .map(str::to_owned)
        .collect();
    let spec = exec::CommandSpec {
        argv,
        program,
        cwd: view.root.clone(),
        env: view.env.clone(),
        timeout: std::time::Duration::from_secs(30),
        output: place.path().join("output.log"),
        output_limit: 1 << 20,
        stdin: Vec::new(),
        reports: Vec::new(),
        confinement: None,
    };
    let (progress, _nobody) = tokio::sync::watch::channel(0);
    let finished = crate::cli::wiring::runtime()?
        .block_on(Supervisor::new(settings.program.clone()).run(
            spec,
            &progress,
            &exec::StopSignal::default(),
        ))
        .map_err(failed)?;
    Ok(Some(finished.exit))
}
