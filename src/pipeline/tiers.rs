//! Chooses how commands are isolated: the strongest tier that works here, found out by doing the
//! whole set-up once, or the one that the human asked for when he started milton.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
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
        let search_path = self.environment.get(OsStr::new("PATH"));
        let bubblewrap = exec::bubblewrap(search_path.map(OsString::as_os_str));
        let order = match self.wanted {
            TierChoice::Strongest => vec![Tier::Full, Tier::Bubblewrap, Tier::Fallback],
            TierChoice::Only(tier) => vec![tier],
        };
        for tier in order {
            match exec::probe(tier, &self.program, bubblewrap.as_deref()) {
                Ok(()) => return Ok(self.of(tier, bubblewrap, reasons)),
                Err(reason) => reasons.push(format!("tier {}: {reason}", tier.as_str())),
            }
        }
        Err(reasons.join("; "))
    }

    fn of(
        &self,
        tier: Tier,
        bubblewrap: Option<PathBuf>,
        weaker_because: Vec<String>,
    ) -> Box<dyn Sandbox> {
        let (program, environment) = (self.program.clone(), self.environment.clone());
        match (tier, bubblewrap) {
            #[cfg(target_os = "linux")]
            (Tier::Full, _) => Box::new(NameSpaces::new(program, environment)),
            #[cfg(target_os = "linux")]
            (Tier::Bubblewrap, Some(bubblewrap)) => {
                let sandbox = NameSpaces::new(program, environment);
                Box::new(sandbox.through(bubblewrap, weaker_because))
            }
            (Tier::None, _) => Box::new(PrivateCheckout::open(program, environment)),
            // Where there are no name spaces the probe has refused the stronger ones before.
            #[cfg(not(target_os = "linux"))]
            (Tier::Full, _) => Box::new(PrivateCheckout::new(program, environment, weaker_because)),
            (Tier::Bubblewrap | Tier::Fallback, _) => {
                Box::new(PrivateCheckout::new(program, environment, weaker_because))
            }
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
