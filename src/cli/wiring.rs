//! The channels, ports and signals between a driver and whoever watches it.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::config::Settings;
use crate::error::{Failure, Signal};
use crate::git;
use crate::model::ReviewCommand;
use crate::pipeline::Update;
use crate::pipeline::driver::{Ports, RunEnd, Wires};
use crate::pipeline::fallback::PrivateCheckout;
use crate::pipeline::ports::SystemClock;
use crate::record::Writer;

/// Events wait here when the screen is busy drawing; then the driver waits too.
pub(super) const UPDATES: usize = 256;
/// Commands wait here while a step is at work; the screen says "busy" when it is full.
pub(super) const COMMANDS: usize = 64;
/// The watcher's ends of the channels.
pub(super) struct Ends {
    pub(super) updates: mpsc::Receiver<Update>,
    pub(super) commands: mpsc::Sender<ReviewCommand>,
    pub(super) signals: mpsc::Sender<Signal>,
}

pub(super) fn wires() -> (Wires, Ends) {
    let (updates_in, updates) = mpsc::channel(UPDATES);
    let (commands_in, commands) = mpsc::channel(COMMANDS);
    // A handful of signals may wait; more of the same say nothing new.
    let (signals_in, signals) = mpsc::channel(8);
    (
        Wires {
            updates: updates_in,
            commands,
            signals,
        },
        Ends {
            updates,
            commands: commands_in,
            signals: signals_in,
        },
    )
}

pub(super) fn ports(settings: &Settings, repository: git::Repository, writer: Writer) -> Ports {
    Ports {
        git: Box::new(repository),
        sandbox: Arc::new(PrivateCheckout::new(
            settings.program.clone(),
            settings.environment.clone(),
        )),
        journal: Box::new(writer),
        clock: Arc::new(SystemClock),
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("cannot start the runtime: {error}")))
}

/// Turns SIGINT, SIGTERM and SIGHUP into messages for as long as the task lives.
pub(super) fn listen_for_signals(
    to: mpsc::Sender<Signal>,
) -> Result<tokio::task::JoinHandle<()>, Failure> {
    let open = |kind| {
        signal(kind).map_err(|e| Failure::internal(format!("cannot listen for signals: {e}")))
    };
    let mut interrupt = open(SignalKind::interrupt())?;
    let mut terminate = open(SignalKind::terminate())?;
    let mut hangup = open(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        loop {
            let signal = tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
                _ = hangup.recv() => Signal::Terminate,
            };
            // Full: the same was said already.
            to.try_send(signal).ok();
        }
    }))
}

pub(super) fn joined(
    ended: Result<Result<RunEnd, Failure>, tokio::task::JoinError>,
) -> Result<RunEnd, Failure> {
    match ended {
        Ok(end) => end,
        Err(error) => Err(Failure::internal(format!("the run broke off: {error}"))),
    }
}
