//! Printing: the only module that writes to standard output and standard error.

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::cli::arguments::Arguments;
use crate::error::Failure;
use crate::policy::Redactor;
use crate::text;

/// Writes to standard output; a reader that went away (`milton list | head -1`) is no error.
pub(super) fn print(content: &str) -> Result<(), Failure> {
    // Every part was made visible where it was put in; this holds for what was forgotten, and for a
    // page that is printed from the run's folder.
    let content = text::guarded(content);
    let mut out = std::io::stdout().lock();
    let written = out.write_all(content.as_bytes()).and_then(|()| out.flush());
    match written {
        Ok(()) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(Failure::usage(
            format!("cannot write to standard output: {error}"),
            "make room, or send the output elsewhere",
        )),
    }
}

/// Whether nobody can read any more: the pipe's other end is closed, or the terminal is gone.
pub(super) fn is_gone(error: &std::io::Error) -> bool {
    let terminal_gone = rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::IO);
    terminal_gone || error.kind() == std::io::ErrorKind::BrokenPipe
}

/// A line that a person may see: no secret in it, and nothing that a terminal acts on. Should the
/// table of secrets not load, the text is withheld: whoever reads this can look at the policy.
fn shown(line: &str) -> String {
    match Redactor::embedded() {
        Ok(redactor) => text::visible(&redactor.redact(line)).into_owned(),
        Err(error) => format!("(not shown: {})", text::visible(&error.to_string())),
    }
}

/// What clap has to say about arguments: help and version as they are, errors as any other text from
/// outside, for they repeat what was typed.
pub(super) fn usage(error: &clap::Error) {
    if !error.use_stderr() {
        // A closed pipe is nobody's fault.
        error.print().ok();
        return;
    }
    let rendered = error.render().to_string();
    let lines: Vec<String> = rendered.lines().map(shown).collect();
    let text = format!("{}\n", lines.join("\n"));
    std::io::stderr().lock().write_all(text.as_bytes()).ok();
}

/// Prints a failure: what happened, more lines, what to do next.
pub(super) fn failure(failure: &Failure) {
    let text = failure_text(failure);
    // Standard error is the last resort; when it is closed there is nobody to tell.
    std::io::stderr().lock().write_all(text.as_bytes()).ok();
}

fn failure_text(failure: &Failure) -> String {
    let mut lines = vec![format!("milton: {}", shown(&failure.message))];
    lines.extend(
        failure
            .detail
            .iter()
            .map(|line| format!("  {}", shown(line))),
    );
    if !failure.hint.is_empty() {
        lines.push(format!("hint: {}", shown(&failure.hint)));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// `milton completions`.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "milton", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// `milton man`.
pub(super) fn man() -> Result<u8, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Arguments::command())
        .render(&mut page)
        .map_err(|error| Failure::internal(format!("cannot render the manual page: {error}")))?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(0)
}

/// A value as one line of JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| Failure::internal(format!("cannot write JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::hidden_characters;

    #[test]
    fn an_error_shows_nothing_that_a_terminal_acts_on() {
        for hostile in hidden_characters() {
            let failure = Failure::usage(format!("a{hostile}b"), format!("c{hostile}d"))
                .with_detail(vec![format!("e{hostile}f")]);
            let text = failure_text(&failure);
            assert_eq!(text.lines().count(), 3, "{text:?}");
            assert!(
                !text.chars().any(|c| c != '\n' && text::is_hidden(c)),
                "{text:?}"
            );
        }
    }
}
