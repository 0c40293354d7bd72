//! The terminal while the screen owns it: taken over on entry, given back on every way out
//! (return, error, panic).

use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

/// Whether the mouse belongs to the screen or to the terminal's own selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mouse {
    Captured,
    Free,
}

/// Whether the terminal's line discipline is switched; off only where the output is no terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    On,
    #[cfg(test)]
    Untouched,
}

/// A panic in any task must not leave a raw terminal; the hook needs to know whether there is one.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// The terminal, taken over. Dropping it gives it back.
pub(crate) struct Taken<W: Write> {
    /// Never dropped by itself: ratatui's own drop prints to standard error when the cursor cannot be
    /// shown, and printing panics where standard error is the terminal that is gone.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<W>>>,
    raw: Raw,
}

impl<W: Write> Taken<W> {
    /// Takes the terminal over; what was done is undone when a step fails.
    pub(crate) fn enter(out: W, mouse: Mouse, raw: Raw) -> io::Result<Self> {
        let terminal = Terminal::with_options(
            CrosstermBackend::new(out),
            ratatui::TerminalOptions {
                viewport: match raw {
                    Raw::On => ratatui::Viewport::Fullscreen,
                    #[cfg(test)]
                    Raw::Untouched => {
                        ratatui::Viewport::Fixed(ratatui::layout::Rect::new(0, 0, 20, 5))
                    }
                },
            },
        )?;
        let mut taken = Self {
            terminal: ManuallyDrop::new(terminal),
            raw,
        };
        if raw == Raw::On {
            HOOK.call_once(restore_on_panic);
            enable_raw_mode()?;
            TAKEN.store(true, Ordering::SeqCst);
        }
        let out = taken.terminal.backend_mut();
        execute!(
            out,
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableFocusChange,
            cursor::Hide
        )?;
        if mouse == Mouse::Captured {
            execute!(out, EnableMouseCapture)?;
        }
        Ok(taken)
    }

    /// Draws one frame, shown at once where the terminal has synchronised output.
    pub(crate) fn draw(&mut self, view: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(view).map(|_| ());
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Puts a text on the user's clipboard, through the terminal (OSC 52).
    pub(crate) fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(
            self.terminal.backend_mut(),
            CopyToClipboard::to_clipboard_from(text)
        )
    }
}

impl<W: Write> Drop for Taken<W> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone, and a drop must not panic.
        let _gone = give_back(self.terminal.backend_mut());
        if self.raw == Raw::On {
            let _gone = disable_raw_mode();
            TAKEN.store(false, Ordering::SeqCst);
        }
    }
}

fn give_back(out: &mut impl Write) -> io::Result<()> {
    execute!(
        out,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    )
}

fn restore_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if TAKEN.swap(false, Ordering::SeqCst) {
            let _gone = give_back(&mut io::stdout());
            let _gone = disable_raw_mode();
        }
        before(panic);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Tape(Arc<Mutex<Vec<u8>>>);

    impl Write for Tape {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_switched_on_is_switched_off_again() {
        let tape = Tape::default();
        drop(Taken::enter(tape.clone(), Mouse::Captured, Raw::Untouched).unwrap());
        let written = String::from_utf8(tape.0.lock().unwrap().clone()).unwrap();
        for mode in ["1049", "2004", "1004", "1000", "1006"] {
            let on = written.find(&format!("\u{1b}[?{mode}h"));
            let off = written.rfind(&format!("\u{1b}[?{mode}l"));
            assert!(on.is_some() && on < off, "mode {mode}: {written:?}");
        }
        assert!(written.ends_with("\u{1b}[?25h"));
    }
}
