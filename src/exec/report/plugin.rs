//! Milton's own plugin in pytest, and what the two share: the key of one command's record.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::exec::Error;

/// The plugin's source.
const SOURCE: &str = include_str!("../../../assets/pytest_report.py");

/// The most bytes that the module names may take: a pipe holds 64 KiB without a reader, and a
/// command that never reads must not hold milton up.
const MOST_NAMES: usize = 32 << 10;

/// The channel of one command: a key that nobody else has, and a module name that nothing in the
/// candidate's tree can have taken.
pub struct PluginChannel {
    key: [u8; 32],
    module: String,
}

impl PluginChannel {
    /// A channel with a fresh key.
    ///
    /// # Errors
    ///
    /// [`Error::View`] when the machine gives no random bytes.
    pub fn new() -> Result<Self, Error> {
        let source = Path::new("/dev/urandom");
        let mut bytes = [0_u8; 36];
        File::open(source)
            .and_then(|mut file| file.read_exact(&mut bytes))
            .map_err(|error| failed(source, error))?;
        let (key, name) = bytes.split_at(32);
        let mut module = "milton_".to_owned();
        for byte in name {
            use std::fmt::Write as _;
            // Writing to a String cannot fail.
            let _ = write!(module, "{byte:02x}");
        }
        let mut own = [0_u8; 32];
        own.copy_from_slice(key);
        Ok(Self { key: own, module })
    }

    /// The name by which pytest is told to load the plugin.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// Writes the plugin into the folder that the command sees read-only.
    ///
    /// # Errors
    ///
    /// [`Error::View`] when it cannot be written.
    pub fn install(&self, support: &Path) -> Result<(), Error> {
        let path = support.join(format!("{}.py", self.module));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path)
            .and_then(|mut file| file.write_all(SOURCE.as_bytes()))
            .map_err(|error| failed(&path, error))
    }

    /// What the command reads from its standard input: the key, the record's file as the command
    /// sees it, and the modules whose files it is to tell. A file whose path is not UTF-8 cannot be
    /// named, and then there is no record.
    pub fn stdin(&self, record: &Path, modules: &[String]) -> Vec<u8> {
        let mut room = MOST_NAMES;
        let fitting = modules.iter().take_while(|name| {
            room = room.saturating_sub(name.len() + 3);
            room > 0
        });
        let settings = serde_json::json!({
            "file": record.to_str(),
            "modules": fitting.collect::<Vec<_>>(),
        });
        let mut bytes = self.key.to_vec();
        bytes.extend(settings.to_string().into_bytes());
        bytes
    }

    /// The authentication of a line, given the one of the line before.
    pub(super) fn mac(&self, before: &[u8], line: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(before);
        mac.update(line);
        Some(mac)
    }
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::View {
        path: path.to_owned(),
        source,
    }
}
