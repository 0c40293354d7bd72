//! Asking a running command to end: once gently, twice at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

/// How urgently a stop was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Nobody asked.
    Go,
    /// End soon: TERM, a short grace, KILL.
    Gentle,
    /// End now: KILL.
    Kill,
}

/// A stop that travels beside every queue. Clones share the same state.
#[derive(Clone, Debug, Default)]
pub struct StopSignal {
    calls: Arc<AtomicUsize>,
    gentle: CancellationToken,
    kill: CancellationToken,
}

impl StopSignal {
    /// A signal that nobody has given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a stop; the second call, from whatever clone, kills.
    pub fn stop(&self) {
        if self.calls.fetch_add(1, Ordering::SeqCst) == 0 {
            self.gentle.cancel();
        } else {
            // Whoever waits for the gentle level must wake up too, even when the first caller has
            // not come to its own line yet.
            self.gentle.cancel();
            self.kill.cancel();
        }
    }

    /// What was asked for so far.
    pub fn level(&self) -> StopLevel {
        if self.kill.is_cancelled() {
            StopLevel::Kill
        } else if self.gentle.is_cancelled() {
            StopLevel::Gentle
        } else {
            StopLevel::Go
        }
    }

    /// Waits until at least this level was asked for.
    pub async fn reached(&self, level: StopLevel) {
        match level {
            StopLevel::Go => {}
            StopLevel::Gentle => self.gentle.cancelled().await,
            StopLevel::Kill => self.kill.cancelled().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_stop_kills_whichever_clone_gives_it() {
        let signal = StopSignal::new();
        let clone = signal.clone();
        assert_eq!(signal.level(), StopLevel::Go);
        signal.stop();
        assert_eq!(clone.level(), StopLevel::Gentle);
        clone.stop();
        assert_eq!(signal.level(), StopLevel::Kill);
        signal.reached(StopLevel::Kill).await;
    }
}
