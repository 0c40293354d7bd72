//! What the repository and the user add to the floor, compiled.

use crate::policy::branch::Protected;
use crate::policy::commands::ForbiddenCommand;
use crate::policy::error::Error;
use crate::policy::fold;
use crate::policy::paths::{PathRule, Patterns, check};
use crate::policy::source::{Exception, ExceptionText, Tightening};

/// The compiled additions of one source.
#[derive(Debug, Default)]
pub(super) struct Additions {
    pub(super) paths: Vec<PathRule>,
    pub(super) protected: Vec<Protected>,
    pub(super) commands: Vec<ForbiddenCommand>,
}

impl Additions {
    /// Compiles a source's tightenings and runs the tests it carries. `source` is what violations
    /// name (`repository`, `user`); `origin` and `text` are for messages about the source itself.
    pub(super) fn compile(
        rules: &Tightening,
        origin: &str,
        text: &[u8],
        source: &str,
    ) -> Result<Self, Error> {
        let text = crate::policy::source::utf8(origin, text)?;
        let patterns = Patterns::compile(origin, text, &rules.paths.forbid)?;
        check(
            origin,
            "[paths] forbid",
            &rules.paths.must_match,
            &rules.paths.must_not_match,
            |path| patterns.matches(path),
        )?;
        let mut additions = Self::default();
        if !patterns.texts().is_empty() {
            additions.paths.push(PathRule {
                id: "path.forbidden".to_owned(),
                name: format!("paths forbidden by the {source}'s policy"),
                why: format!("forbidden by {origin}"),
                patterns,
                characters: Vec::new(),
                words: Vec::new(),
                exception: Exception::Never,
                source: source.to_owned(),
            });
        }
        for name in &rules.branches.protect {
            if name.get_ref().trim().is_empty() {
                return Err(Error::at(
                    origin,
                    text,
                    name.span().start,
                    "a branch name is empty",
                ));
            }
            additions.protected.push(Protected {
                name: name.get_ref().clone(),
                source: source.to_owned(),
            });
        }
        for command in &rules.commands.forbid {
            let argv = shlex::split(command.get_ref()).unwrap_or_default();
            if argv.is_empty() {
                let message = "a command is empty or its quotation is open";
                return Err(Error::at(origin, text, command.span().start, message));
            }
            additions.commands.push(ForbiddenCommand {
                argv,
                source: source.to_owned(),
            });
        }
        Ok(additions)
    }
}

/// Checks the user's exceptions: exact paths with a reason, in their canonical spelling.
pub(super) fn exceptions(
    origin: &str,
    text: &str,
    exceptions: Vec<ExceptionText>,
) -> Result<Vec<(String, String)>, Error> {
    exceptions
        .into_iter()
        .map(|exception| {
            let (path, reason) = (exception.path, exception.reason);
            let exact = fold::is_canonical(path.get_ref())
                && !path.get_ref().contains(['*', '?', '[', '{'])
                && !path.get_ref().is_empty();
            if !exact {
                let message = "an exception is one exact path, without patterns";
                return Err(Error::at(origin, text, path.span().start, message));
            }
            if reason.get_ref().trim().is_empty() {
                let message = "an exception needs a reason";
                return Err(Error::at(origin, text, reason.span().start, message));
            }
            Ok((path.into_inner(), reason.into_inner()))
        })
        .collect()
}
