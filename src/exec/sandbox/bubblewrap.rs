//! The same sandbox made by bubblewrap, for machines where only that program may make name spaces.
//!
//! Bubblewrap builds the file system and starts milton inside it, which confines itself and then
//! becomes the command. What it cannot do as milton itself does: limit the files of the view, list
//! what the command changed and which addresses it tried.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

use crate::exec::INNER;
use crate::exec::sandbox::{
    ETC, Enclosure, REPORTS_INSIDE, SUPPORT_INSIDE, SYSTEM, Wrapper, confine,
};
use crate::exec::wire::Request;

/// Where milton's own program stands inside.
const MILTON_INSIDE: &str = "/run/milton/milton";
/// The exit code of a command that could not be started, as shells have it.
const NOT_STARTED: u8 = 127;
/// The longest order that the inner program reads, in bytes: a command line and an environment.
const LONGEST_ORDER: usize = 8 << 20;

/// Finds bubblewrap on a search path.
pub fn bubblewrap(search_path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(search_path?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("bwrap"))
        .find(|program| program.is_file())
}

/// What the program inside is told on its standard input, in one line, before the command's own.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    program: OsString,
    arguments: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    enclosure: Enclosure,
}

/// The request whose command is bubblewrap, with everything in its arguments.
pub(in crate::exec) fn wrapped(
    request: &Request,
    wrapper: &Wrapper,
    enclosure: &Enclosure,
) -> io::Result<Request> {
    let order = Order {
        program: request.program.clone(),
        arguments: request.arguments.clone(),
        env: request.env.clone(),
        enclosure: enclosure.clone(),
    };
    let mut stdin = serde_json::to_vec(&order)?;
    stdin.push(b'\n');
    stdin.extend(&request.stdin);
    let inside = |path: &OsString| -> OsString {
        match Path::new(path).strip_prefix(REPORTS_INSIDE) {
            Ok(name) => Path::new(&wrapper.reports).join(name).into(),
            Err(_) => path.clone(),
        }
    };
    Ok(Request {
        program: wrapper.program.clone(),
        arguments: arguments(request, wrapper, enclosure),
        cwd: "/".into(),
        env: Vec::new(),
        stdin,
        reports: request
            .reports
            .iter()
            .map(|(path, outside)| (inside(path), outside.clone()))
            .collect(),
        confinement: None,
    })
}

fn arguments(request: &Request, wrapper: &Wrapper, enclosure: &Enclosure) -> Vec<OsString> {
    let mut words = Words(Vec::new());
    let user = rustix::process::geteuid().as_raw().to_string();
    let group = rustix::process::getegid().as_raw().to_string();
    words.add(&[
        "--unshare-user",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
    ]);
    words.add(&[
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--hostname",
        "sandbox",
    ]);
    words.add(&["--uid", &user, "--gid", &group, "--disable-userns"]);
    words.add(&["--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
    system(&mut words);
    view(&mut words, enclosure);
    words.add(&[
        OsStr::new("--bind"),
        &wrapper.reports,
        REPORTS_INSIDE.as_ref(),
    ]);
    words.add(&[
        OsStr::new("--ro-bind"),
        &enclosure.support,
        SUPPORT_INSIDE.as_ref(),
    ]);
    words.add(&[
        OsStr::new("--ro-bind"),
        &wrapper.milton,
        MILTON_INSIDE.as_ref(),
    ]);
    words.add(&["--remount-ro", "/", "--remount-ro", "/proc"]);
    words.add(&[OsStr::new("--chdir"), &request.cwd]);
    words.add(&["--", MILTON_INSIDE, INNER]);
    words.0
}

/// The system's programs and what of `/etc` they need.
fn system(words: &mut Words) {
    for path in SYSTEM {
        match std::fs::read_link(path) {
            Ok(link) => words.add(&[OsStr::new("--symlink"), link.as_os_str(), path.as_ref()]),
            Err(_) => words.add(&["--ro-bind-try", path, path]),
        }
    }
    for name in ETC {
        let path = format!("/etc/{name}");
        words.add(&["--ro-bind-try", &path, &path]);
    }
}

/// Private places, tool chains and the view of the candidate.
fn view(words: &mut Words, enclosure: &Enclosure) {
    let size = enclosure.limits.files_bytes.to_string();
    words.add(&[
        "--proc", "/proc", "--dev", "/dev", "--dir", "/run", "--dir", "/var",
    ]);
    words.add(&["--size", &size, "--perms", "1777", "--tmpfs", "/tmp"]);
    words.add(&["--size", &size, "--perms", "1777", "--tmpfs", "/var/tmp"]);
    words.add(&[
        OsStr::new("--size"),
        size.as_ref(),
        OsStr::new("--tmpfs"),
        &enclosure.home,
    ]);
    for (source, path) in &enclosure.visible {
        words.add(&[OsStr::new("--ro-bind-try"), source, path]);
    }
    for layer in enclosure.layers.iter().rev() {
        words.add(&[OsStr::new("--overlay-src"), layer]);
    }
    words.add(&[OsStr::new("--tmp-overlay"), &enclosure.checkout]);
}

struct Words(Vec<OsString>);

impl Words {
    fn add<const N: usize, W: AsRef<OsStr>>(&mut self, words: &[W; N]) {
        self.0
            .extend(words.iter().map(|word| word.as_ref().to_owned()));
    }
}

/// The body of the hidden subcommand inside: confines itself and becomes the command.
pub(in crate::exec) fn inner() -> ExitCode {
    let error = match become_command() {
        Ok(never) => match never {},
        Err(error) => error,
    };
    writeln!(
        io::stderr(),
        "milton: the command cannot be started: {error}"
    )
    .ok();
    ExitCode::from(NOT_STARTED)
}

#[expect(
    clippy::disallowed_methods,
    reason = "exec is the only spawner; this process becomes the command"
)]
fn become_command() -> io::Result<std::convert::Infallible> {
    let order: Order = serde_json::from_slice(&first_line()?)?;
    confine::confine_inside(&order.enclosure)?;
    let error = Command::new(&order.program)
        .args(&order.arguments)
        .env_clear()
        .envs(order.env)
        .exec();
    Err(error)
}

/// Reads standard input up to the first line end and not one byte further: the rest is the
/// command's. So it is read without a buffer.
fn first_line() -> io::Result<Vec<u8>> {
    let mut input = std::fs::File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut line = Vec::new();
    let mut byte = [0_u8];
    while input.read(&mut byte)? > 0 && byte != [b'\n'] {
        line.extend(byte);
        if line.len() > LONGEST_ORDER {
            return Err(io::Error::other("the order is too long"));
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_named_from_the_bottom_up_and_nothing_of_the_user_is_bound_writable() {
        let request = Request {
            program: "/usr/bin/true".into(),
            arguments: Vec::new(),
            cwd: "/c".into(),
            env: vec![("A".into(), "1".into())],
            stdin: b"key".to_vec(),
            reports: vec![(
                format!("{REPORTS_INSIDE}/r.xml").into(),
                "/out/r.xml".into(),
            )],
            confinement: None,
        };
        let wrapper = Wrapper {
            program: "/usr/bin/bwrap".into(),
            milton: "/bin/milton".into(),
            reports: "/scratch/reports".into(),
        };
        let enclosure = Enclosure {
            checkout: "/c".into(),
            layers: vec!["/stage".into(), "/c".into()],
            home: "/home/u".into(),
            support: "/support".into(),
            ..Enclosure::default()
        };
        let built = wrapped(&request, &wrapper, &enclosure).unwrap();
        let words: Vec<&str> = built.arguments.iter().filter_map(|w| w.to_str()).collect();
        let line = words.join(" ");
        assert!(
            line.contains("--overlay-src /c --overlay-src /stage --tmp-overlay /c"),
            "{line}"
        );
        let writable: Vec<_> = words.iter().filter(|word| **word == "--bind").collect();
        assert_eq!(writable.len(), 1, "only the reports: {line}");
        assert_eq!(
            built.reports,
            [("/scratch/reports/r.xml".into(), "/out/r.xml".into())]
        );
        assert!(built.stdin.ends_with(b"\nkey") && built.env.is_empty());
        assert!(
            line.ends_with(&format!("--chdir /c -- {MILTON_INSIDE} {INNER}")),
            "{line}"
        );
    }
}
