//! The arguments, as clap reads them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::Tier;
use crate::tui::ThemeChoice;

/// Supervise software that changes software.
///
/// A proposed change is judged by a strict policy, built as a commit on an isolated branch
/// self-upgrade/TOPIC, tested, recorded and shown live to you. You tick, comment, approve or
/// abandon. milton never merges, pushes or deploys.
#[derive(Debug, Parser)]
#[command(
    name = "milton",
    version,
    max_term_width = 100,
    propagate_version = true
)]
#[command(
    after_help = "Start with `milton demo`: a complete upgrade on a project it makes itself."
)]
pub(super) struct Arguments {
    /// The repository under review [default: the one around the current folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) repo: Option<PathBuf>,
    /// How commands are isolated [default: the strongest tier that works here]
    #[arg(long, global = true, value_enum, value_name = "TIER")]
    pub(super) sandbox: Option<SandboxTier>,
    /// What to do; without one, the runs of this repository are listed
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Spells `--path A B` out as `--path=A --path=B`. The first word behind `--path` is a path whatever
/// it looks like (`-A` is one of the names that a check is asked about); further ones end at the
/// next option.
pub(super) fn spelled_out(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut spelled = Vec::new();
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            spelled.push(word);
            spelled.extend(words);
            break;
        }
        if word != "--path" || words.peek().is_none() {
            spelled.push(word);
            continue;
        }
        let is_path = |next: &OsString| !next.as_encoded_bytes().starts_with(b"-");
        let first = words.next();
        let more = std::iter::from_fn(|| words.next_if(is_path));
        for path in first.into_iter().chain(more) {
            let mut one = OsString::from("--path=");
            one.push(path);
            spelled.push(one);
        }
    }
    spelled
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Propose, validate, branch, commit, test, then review live
    Run(RunArguments),
    /// Open a run: live, waiting or finished
    Review(ReviewArguments),
    /// List the runs of this repository, newest first
    List(ListArguments),
    /// Print the evidence of a run
    Show(ShowArguments),
    /// Check that a run's record, commit, branch, diff and policy are as they were recorded
    Verify(VerifyArguments),
    /// Remove the branch of a run; its tip is kept
    Abandon(WhichRun),
    /// Bring the branch of an abandoned run back
    Restore(WhichRun),
    /// Say what the policy thinks; nothing is written, nothing is run
    Check(CheckArguments),
    /// Show the effective policy, or explain a rule
    Policy(PolicyArguments),
    /// Say what works here
    Doctor,
    /// Run a complete upgrade on a small project made in a temporary folder
    Demo(DemoArguments),
    /// Print shell completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// `milton run`.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// What you want, in your own words; becomes the goal when the proposal names none
    pub(super) request: Option<String>,
    #[command(flatten)]
    pub(super) source: SourceArguments,
    /// The topic of the branch self-upgrade/TOPIC [default: made from the goal]
    #[arg(long, value_name = "SLUG")]
    pub(super) topic: Option<String>,
    /// The base: a branch, tag or commit [default: the branch HEAD is on]
    #[arg(long, value_name = "REF", allow_hyphen_values = true)]
    pub(super) base: Option<String>,
    /// The test command, as one quoted string [default: found in the repository, pytest first]
    #[arg(long, value_name = "ARGV")]
    pub(super) test: Option<String>,
    #[command(flatten)]
    pub(super) screen: ScreenArguments,
    /// No screen: plain lines; implied when stdout is not a terminal
    #[arg(long)]
    pub(super) headless: bool,
    /// The form of the output; json implies --headless
    #[arg(long, value_enum, default_value_t = OutputFormat::Human)]
    pub(super) format: OutputFormat,
}

/// Where the proposal comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct SourceArguments {
    /// A unified diff (git format or plain `diff -u`); - reads standard input
    #[arg(long, value_name = "FILE")]
    pub(super) patch: Option<PathBuf>,
    /// A proposal in JSON; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub(super) proposal: Option<PathBuf>,
}

/// How commands are isolated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SandboxTier {
    /// Name spaces, an overlay of the checkout, Landlock and seccomp
    Full,
    /// The same, made by bubblewrap 0.11 or newer
    Bubblewrap,
    /// A private copy, Landlock and seccomp
    Fallback,
    /// A private copy without isolation: the tests can do whatever you can
    None,
}

impl From<SandboxTier> for Tier {
    fn from(tier: SandboxTier) -> Self {
        match tier {
            SandboxTier::Full => Self::Full,
            SandboxTier::Bubblewrap => Self::Bubblewrap,
            SandboxTier::Fallback => Self::Fallback,
            SandboxTier::None => Self::None,
        }
    }
}

/// How the screen looks.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct ScreenArguments {
    /// The colours of the screen
    #[arg(long, value_enum, default_value_t = Theme::Auto)]
    pub(super) theme: Theme,
    /// Leave the mouse to the terminal
    #[arg(long)]
    pub(super) no_mouse: bool,
}

/// The colours of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Theme {
    /// For a dark terminal, or without colours when `NO_COLOR` is set
    Auto,
    /// For a dark terminal
    Dark,
    /// For a light terminal
    Light,
    /// No colours: bold, underline and reverse only
    Mono,
}

impl From<Theme> for ThemeChoice {
    fn from(theme: Theme) -> Self {
        match theme {
            Theme::Auto => Self::Auto,
            Theme::Dark => Self::Dark,
            Theme::Light => Self::Light,
            Theme::Mono => Self::Mono,
        }
    }
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people
    Human,
    /// For programs
    Json,
}

/// `milton review`.
#[derive(Debug, Args)]
pub(super) struct ReviewArguments {
    /// The run: its id, a unique part of it, or `latest` [default: the newest undecided one]
    pub(super) run: Option<String>,
    #[command(flatten)]
    pub(super) screen: ScreenArguments,
}

/// `milton list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// The runs of every repository
    #[arg(long)]
    pub(super) all: bool,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = OutputFormat::Human)]
    pub(super) format: OutputFormat,
}

/// `milton show`.
#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The run: its id, a unique part of it, or `latest`
    pub(super) run: String,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = EvidenceFormat::Human)]
    pub(super) format: EvidenceFormat,
}

/// `milton verify`.
#[derive(Debug, Args)]
pub(super) struct VerifyArguments {
    /// The run: its id, a unique part of it, or `latest`
    pub(super) run: String,
    /// The seal that the run printed, kept outside the run store: finds also a record that was
    /// rewritten as a whole
    #[arg(long, value_name = "SHA256")]
    pub(super) seal: Option<String>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = OutputFormat::Human)]
    pub(super) format: OutputFormat,
}

/// The form of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum EvidenceFormat {
    /// For people
    Human,
    /// For programs
    Json,
    /// For a pull request
    Markdown,
    /// An in-toto Statement of the test result, for tools that check a supply chain
    InToto,
}

/// One run.
#[derive(Debug, Args)]
pub(super) struct WhichRun {
    /// The run: its id, a unique part of it, or `latest`
    pub(super) run: String,
}

/// `milton check`.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub(super) subject: CheckSubject,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = OutputFormat::Human)]
    pub(super) format: OutputFormat,
}

/// What is judged.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct CheckSubject {
    /// A unified diff; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub(super) patch: Option<PathBuf>,
    /// A proposal in JSON; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub(super) proposal: Option<PathBuf>,
    /// Paths of files that a change would touch; several may follow
    #[arg(long, value_name = "P", num_args = 1, allow_hyphen_values = true)]
    pub(super) path: Vec<String>,
    /// A branch that a change would be put on
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub(super) branch: Option<String>,
    /// A command as one string; judged as arguments, never given to a shell
    #[arg(long, value_name = "STRING", allow_hyphen_values = true)]
    pub(super) command: Option<String>,
    /// A command as separate arguments, after --
    #[arg(last = true, value_name = "ARGV")]
    pub(super) argv: Vec<String>,
}

/// `milton policy`.
#[derive(Debug, Args)]
pub(super) struct PolicyArguments {
    #[command(subcommand)]
    pub(super) what: PolicyCommand,
}

/// What to say of the policy.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// The effective policy of this repository and where each rule comes from
    Show,
    /// One rule, or which rule decides about a path, a branch or a command, and what to do
    #[command(
        after_help = "Examples:\n  milton policy explain path.secret_glob\n  milton policy explain --path src/tokenizer.py\n  milton policy explain --branch main\n  milton policy explain --command 'git -C . push'\n  milton policy explain -- git push origin\n\nExit code: 0 allowed (or the rule was found), 20 blocked, 2 cannot be read."
    )]
    Explain(ExplainArguments),
}

/// `milton policy explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    pub(super) subject: ExplainSubject,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = OutputFormat::Human)]
    pub(super) format: OutputFormat,
}

/// What is explained.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct ExplainSubject {
    /// A rule id such as path.forbidden, or the beginning of one
    pub(super) rule: Option<String>,
    /// Paths of files that a change would touch; several may follow
    #[arg(long, value_name = "P", num_args = 1, allow_hyphen_values = true)]
    pub(super) path: Vec<String>,
    /// A branch that a change would be put on
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub(super) branch: Option<String>,
    /// A command as one string; judged as arguments, never given to a shell
    #[arg(long, value_name = "STRING", allow_hyphen_values = true)]
    pub(super) command: Option<String>,
    /// A command as separate arguments, after --
    #[arg(last = true, value_name = "ARGV")]
    pub(super) argv: Vec<String>,
}

/// `milton demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// No screen: plain lines; implied when stdout is not a terminal
    #[arg(long)]
    pub(super) headless: bool,
    #[command(flatten)]
    pub(super) screen: ScreenArguments,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    fn spelled(line: &str) -> String {
        let words = line.split(' ').map(std::ffi::OsString::from);
        let spelled = super::spelled_out(words);
        let text: Vec<_> = spelled.iter().map(|w| w.to_string_lossy()).collect();
        text.join(" ")
    }

    #[test]
    fn paths_end_at_the_next_option_and_the_first_may_look_like_one() {
        assert_eq!(
            spelled("check --path a b --format json"),
            "check --path=a --path=b --format json"
        );
        assert_eq!(
            spelled("check --path -A --format json"),
            "check --path=-A --format json"
        );
        assert_eq!(spelled("check --path"), "check --path");
        assert_eq!(spelled("check -- x --path a"), "check -- x --path a");
    }

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        super::Arguments::command().debug_assert();
    }
}
