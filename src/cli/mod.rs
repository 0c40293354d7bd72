//! The command line: arguments to a checked invocation, and the one place that prints.

mod arguments;
mod check;
mod demo;
mod doctor;
mod farewell;
mod inspect;
mod output;
mod policy;
mod session;
mod sources;
mod verify;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

use crate::config::Settings;
use crate::error::{EXIT_USAGE, Failure};
use crate::model::TierChoice;
use arguments::{Arguments, Command};

/// Runs milton with the arguments of this process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments::spelled_out(std::env::args_os())) {
        Ok(arguments) => arguments,
        Err(error) => {
            output::usage(&error);
            return ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { 0 });
        }
    };
    match dispatch(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<u8, Failure> {
    let mut settings = Settings::read()?;
    if let Some(tier) = arguments.sandbox {
        settings.sandbox = TierChoice::Only(tier.into());
    }
    let repository = arguments.repo.as_deref();
    match arguments.command {
        None => inspect::overview(&settings, repository),
        Some(Command::Run(run)) => session::run(&settings, repository, run),
        Some(Command::Review(review)) => session::review(&settings, repository, &review),
        Some(Command::List(list)) => inspect::list(&settings, repository, &list),
        Some(Command::Show(show)) => inspect::show(&settings, repository, &show),
        Some(Command::Abandon(which)) => session::abandon(&settings, repository, &which.run),
        Some(Command::Restore(which)) => session::restore(&settings, repository, &which.run),
        Some(Command::Verify(verify)) => verify::verify(&settings, repository, &verify),
        Some(Command::Check(check)) => check::check(&settings, repository, &check),
        Some(Command::Policy(policy)) => policy::policy(&settings, repository, policy),
        Some(Command::Doctor) => doctor::doctor(&settings, repository),
        Some(Command::Demo(demo)) => demo::demo(&settings, &demo),
        Some(Command::Completions { shell }) => output::completions(shell),
        Some(Command::Man) => output::man(),
    }
}
