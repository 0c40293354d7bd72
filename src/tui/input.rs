//! What the terminal reports: keys, pasted text, the mouse, its size.
//!
//! crossterm's reader never returns once the terminal was closed: it takes the endless end of
//! file for "no whole key yet" and reads again, inside `poll_next`. It therefore works on a thread
//! of its own. Whatever it does there, the screen goes on, sees that the terminal is gone, and the
//! process can end.

use std::io;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Reports that wait for the screen; when there are more, they stay in the terminal.
const WAITING: usize = 256;

/// The terminal's reports.
pub(crate) struct Inputs(mpsc::Receiver<Event>);

impl Inputs {
    /// Starts the reader; it ends when this is dropped.
    pub(crate) fn open() -> io::Result<Self> {
        let (send, receive) = mpsc::channel(WAITING);
        let runtime = Handle::current();
        let reader = std::thread::Builder::new().name("terminal".to_owned());
        // Nobody waits for the thread: it may never come back.
        drop(reader.spawn(move || runtime.block_on(read(send)))?);
        Ok(Self(receive))
    }

    /// The next reports, at least one; `None` when no more come.
    pub(crate) async fn next(&mut self) -> Option<Vec<Event>> {
        let mut events = Vec::new();
        match self.0.recv_many(&mut events, WAITING).await {
            0 => None,
            _ => Some(events),
        }
    }
}

async fn read(send: mpsc::Sender<Event>) {
    let mut events = EventStream::new();
    loop {
        let event = tokio::select! {
            () = send.closed() => return,
            event = events.next() => event,
        };
        let Some(Ok(event)) = event else { return };
        if send.send(event).await.is_err() {
            return;
        }
    }
}

/// Whether the terminal was closed under us.
#[cfg(unix)]
pub(crate) fn terminal_is_gone() -> bool {
    rustix::termios::tcgetattr(io::stdin()).is_err()
}

/// Whether the terminal was closed under us.
#[cfg(not(unix))]
pub(crate) fn terminal_is_gone() -> bool {
    false
}
