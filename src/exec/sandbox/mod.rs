//! The sandbox of a command (Linux): what it may see and do, and how that is set up.
//!
//! Three processes stand in a row. The supervisor ([`outer`]) leaves the name spaces of the user
//! and starts the first process of a new pid name space ([`first`]); that one builds the file
//! system of the command ([`mounts`]), confines one of its threads ([`confine`]) and starts the
//! command from it. When the first process dies, the kernel kills everything that the command left
//! behind, in whatever session or group; and it dies with the supervisor, which dies with milton.
//!
//! The order of the steps is the one that was tried against hostile test programs; each is needed:
//! a user name space so that no privilege of the user is at stake, a new root that holds only what
//! is named, the checkout as an overlay whose upper layer is thrown away, then limits,
//! capabilities, Landlock and seccomp on the thread that starts the command.

#[cfg(target_os = "linux")]
mod bubblewrap;
#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
mod first;
#[cfg(target_os = "linux")]
mod left;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod outer;
#[cfg(target_os = "linux")]
pub(super) mod sys;

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
pub use bubblewrap::bubblewrap;
#[cfg(target_os = "linux")]
pub(super) use bubblewrap::{inner, wrapped};
#[cfg(target_os = "linux")]
pub(super) use confine::restrict;
#[cfg(target_os = "linux")]
pub(super) use first::first_process;
#[cfg(target_os = "linux")]
pub(super) use outer::run;

/// Where milton's own things stand inside.
const OWN: &str = "/run/milton";
/// Where a command writes its reports, as it sees it.
pub const REPORTS_INSIDE: &str = "/run/milton/reports";
/// Where milton's own files for a command are, as it sees them.
pub const SUPPORT_INSIDE: &str = "/run/milton/support";

/// What of `/etc` programs need to know who, where and when they are. Nothing that holds a secret.
pub(super) const ETC: [&str; 40] = [
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "default/locale",
    "fonts",
    "gai.conf",
    "group",
    "host.conf",
    "hostname",
    "hosts",
    "inputrc",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "locale.conf",
    "localtime",
    "login.defs",
    "lsb-release",
    "machine-id",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki/tls/certs",
    "profile",
    "protocols",
    "python3",
    "python3.11",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
];
/// The system's programs and libraries. Where one is a link (a merged `/usr`), it stays a link.
pub(super) const SYSTEM: [&str; 11] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/snap",
];

/// How a command is confined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confinement {
    /// In name spaces and a file system of its own.
    Enclosed(Enclosure),
    /// The same, made by bubblewrap.
    Wrapped(Wrapper, Enclosure),
    /// In the machine's own file system, with what Landlock and seccomp take away.
    Restricted(Restriction),
}

impl Confinement {
    /// How much a command may use.
    pub fn limits(&self) -> Limits {
        match self {
            Self::Enclosed(enclosure) | Self::Wrapped(_, enclosure) => enclosure.limits,
            Self::Restricted(restriction) => restriction.limits,
        }
    }

    /// The same, to be changed.
    pub fn limits_mut(&mut self) -> &mut Limits {
        match self {
            Self::Enclosed(enclosure) | Self::Wrapped(_, enclosure) => &mut enclosure.limits,
            Self::Restricted(restriction) => &mut restriction.limits,
        }
    }
}

/// Bubblewrap and what it needs beside the enclosure. Absolute paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapper {
    /// The program `bwrap`.
    pub program: OsString,
    /// Milton's own program.
    pub milton: OsString,
    /// The folder that is writable as [`REPORTS_INSIDE`].
    pub reports: OsString,
}

/// What a restricted command may read and write; nothing else is open to it. Absolute paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restriction {
    /// Readable, with everything below.
    pub readable: Vec<OsString>,
    /// Readable and writable, with everything below.
    pub writable: Vec<OsString>,
    /// How much a command may use; only what holds for each process can be limited here.
    pub limits: Limits,
}

/// What a command sees and may use in a file system of its own. Paths are absolute; `OsString`s,
/// because they need not be UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosure {
    /// The checkout's own path, where the view of the candidate stands.
    pub checkout: OsString,
    /// The layers of the view, the uppermost first; the last is usually the real checkout.
    pub layers: Vec<OsString>,
    /// Files and folders of the machine that are visible, read-only: what each path shows, with its
    /// links resolved, and the path.
    pub visible: Vec<(OsString, OsString)>,
    /// The home folder: empty but for what is visible below it, and thrown away.
    pub home: OsString,
    /// The folder that is visible as [`SUPPORT_INSIDE`].
    pub support: OsString,
    /// How much a command may use.
    pub limits: Limits,
}

/// How much a command may use. The time limit is the supervisor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes that all files together may take: the view's changes, home, temporary files.
    pub files_bytes: u64,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Bytes of address space of one process; `None` for tool chains that reserve more than they
    /// use.
    pub address_space: Option<u64>,
    /// Bytes of memory of all processes together.
    pub memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files_bytes: 1 << 30,
            processes: 1000,
            address_space: Some(5 << 30),
            memory_bytes: 8 << 30,
        }
    }
}
