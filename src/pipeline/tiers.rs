//! Chooses how commands are isolated: the strongest tier that works here, found out by doing the
//! whole set-up once, or the one that the human asked for when he started milton.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tokio::sync::watch;

use crate::exec::{self, CommandSpec, StopSignal, View};
use crate::model::{Tier, TierChoice};
use crate::pipeline::fallback::PrivateCheckout;
use crate::pipeline::ports::{Git, PreparedView, Running, Sandbox, SandboxError, TestedTree};
#[cfg(target_os = "linux")]
use crate::pipeline::sandboxed::NameSpaces;

/// The sandbox of the tier that was chosen. It is chosen when it is first needed.
pub struct Tiers {
    wanted: TierChoice,
    program: PathBuf,
    environment: BTreeMap<OsString, OsString>,
    chosen: OnceLock<Result<Box<dyn Sandbox>, String>>,
}

impl Tiers {
    /// Tiers whose commands are started through `program` (milton itself), with an environment
    /// picked from `environment`.
    pub fn new(
        wanted: TierChoice,
        program: PathBuf,
        environment: BTreeMap<OsString, OsString>,
    ) -> Self {
        Self {
            wanted,
            program,
            environment,
            chosen: OnceLock::new(),
        }
    }

    fn chosen(&self) -> Result<&dyn Sandbox, String> {
        self.chosen
            .get_or_init(|| self.choose())
            .as_ref()
            .map(|sandbox| &**sandbox)
            .map_err(Clone::clone)
    }

    fn choose(&self) -> Result<Box<dyn Sandbox>, String> {
        let mut reasons = Vec::new();
        let order = match self.wanted {
            TierChoice::Strongest => vec![Tier::Full, Tier::Fallback],
            TierChoice::Only(tier) => vec![tier],
        };
        for tier in order {
            match exec::probe(tier, &self.program) {
                Ok(()) => return Ok(self.of(tier, reasons)),
                Err(reason) => reasons.push(format!("tier {}: {reason}", tier.as_str())),
            }
        }
        Err(reasons.join("; "))
    }

    fn of(&self, tier: Tier, weaker_because: Vec<String>) -> Box<dyn Sandbox> {
        let (program, environment) = (self.program.clone(), self.environment.clone());
        match tier {
            #[cfg(target_os = "linux")]
            Tier::Full => Box::new(NameSpaces::new(program, environment)),
            #[cfg(not(target_os = "linux"))]
            Tier::Full => Box::new(PrivateCheckout::new(program, environment, weaker_because)),
            Tier::Bubblewrap | Tier::Fallback => {
                Box::new(PrivateCheckout::new(program, environment, weaker_because))
            }
            Tier::None => Box::new(PrivateCheckout::open(program, environment)),
        }
    }
}

impl Sandbox for Tiers {
    fn available(&self) -> Result<(), String> {
        self.chosen().map(drop)
    }

    fn prepare(
        &self,
        git: &dyn Git,
        tree: &TestedTree,
        scratch: &Path,
    ) -> Result<PreparedView, SandboxError> {
        self.chosen()
            .map_err(SandboxError::Unavailable)?
            .prepare(git, tree, scratch)
    }

    fn run<'a>(
        &'a self,
        spec: CommandSpec,
        progress: &'a watch::Sender<u64>,
        stop: &'a StopSignal,
    ) -> Running<'a> {
        match self.chosen() {
            Ok(sandbox) => sandbox.run(spec, progress, stop),
            Err(reason) => Box::pin(async { Err(exec::Error::NoSandbox(reason)) }),
        }
    }

    fn resolve(&self, name: &str, view: &View, checkout: &Path) -> Result<PathBuf, exec::Error> {
        self.chosen()
            .map_err(exec::Error::NoSandbox)?
            .resolve(name, view, checkout)
    }
}
