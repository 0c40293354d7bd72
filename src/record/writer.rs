//! The writer of one run: appends events, and holds the run's lock as long as it lives.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use super::audit::Audit;
use super::folder::{AUDIT, EVENTS, HEAD, LOCK, TORN};
use super::log::{Chain, Torn};
use super::verify::head_line;
use super::{Error, RunFolder};
use crate::model::{Digest, Event, EventKind, RelPath, RunId, Seal};

/// A reader that asks whether a run is live holds the lock for an instant; so long is waited for it
/// before the run counts as busy.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Appends to the record of one run. Only one writer of a run exists at a time.
#[derive(Debug)]
pub struct Writer {
    folder: RunFolder,
    chain: Chain,
    log: File,
    head: File,
    audit_log: File,
    audit: Audit,
    last_at: Timestamp,
    /// How long the log is, in bytes of whole lines.
    length: u64,
    failed: bool,
    torn: Option<Torn>,
    /// Closing it gives the lock back.
    lock: File,
}

impl Writer {
    /// Fills a new, empty folder.
    pub(super) fn create(folder: RunFolder) -> Result<Self, Error> {
        let output = folder.path("output");
        DirBuilder::new()
            .mode(0o700)
            .create(&output)
            .map_err(|e| Error::io("create", &output, e))?;
        let lock = take_lock(&folder)?;
        let chain = Chain::new(folder.run().clone());
        // `create_new`: a file that is there already was not made by this run.
        let log = open(
            &folder.path(EVENTS),
            OpenOptions::new().append(true).create_new(true),
        )?;
        let head = open(
            &folder.path(HEAD),
            OpenOptions::new().write(true).create_new(true),
        )?;
        let audit_log = open(
            &folder.path(AUDIT),
            OpenOptions::new().append(true).create_new(true),
        )?;
        sync_folder(folder.dir())?;
        if let Some(runs) = folder.dir().parent() {
            sync_folder(runs)?;
        }
        Ok(Self {
            audit: Audit::new(folder.run().clone()),
            folder,
            chain,
            log,
            head,
            audit_log,
            last_at: Timestamp::MIN,
            length: 0,
            failed: false,
            torn: None,
            lock,
        })
    }

    /// Takes up a run where its record ends.
    pub(super) fn reopen(folder: RunFolder) -> Result<Self, Error> {
        let lock = take_lock(&folder)?;
        let (recorded, reader) = folder.read_with_chain()?;
        let mut log = open(
            &folder.path(EVENTS),
            OpenOptions::new().read(true).append(true),
        )?;
        let torn = match recorded.torn {
            Some(torn) => Some(move_torn_line_aside(
                &folder,
                &mut log,
                reader.offset,
                torn,
            )?),
            None => None,
        };
        let head = open(
            &folder.path(HEAD),
            OpenOptions::new().write(true).create(true).truncate(false),
        )?;
        let mut audit_log = open(
            &folder.path(AUDIT),
            OpenOptions::new().read(true).append(true).create(true),
        )?;
        let mut audit = Audit::new(folder.run().clone());
        let mut expected = String::new();
        for event in &recorded.events {
            audit.fold(event, &mut expected);
        }
        complete_audit(&mut audit_log, expected.as_bytes())
            .map_err(|e| Error::io("write", &folder.path(AUDIT), e))?;
        let mut writer = Self {
            last_at: recorded.events.last().map_or(Timestamp::MIN, |e| e.at),
            folder,
            length: reader.offset,
            chain: reader.chain,
            log,
            head,
            audit_log,
            audit,
            failed: false,
            torn,
            lock,
        };
        writer.seal_torn_lines()?;
        Ok(writer)
    }

    /// Records the digest of what was moved aside, so that nobody can change it unseen.
    fn seal_torn_lines(&mut self) -> Result<(), Error> {
        let Some(torn) = &self.torn else {
            return Ok(());
        };
        let path = self.folder.path(TORN);
        let whole = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
        let kind = EventKind::Noticed {
            text: format!(
                "a milton that was killed left {} bytes of an unfinished line; they are kept in {}",
                torn.bytes,
                torn_digest(&Digest::of(&whole))
            ),
            hint: String::new(),
        };
        self.append(self.last_at, kind).map(|_| ())
    }

    /// Appends what happened, and gives back the event as every reader will read it. Time never
    /// runs backwards in a record: an earlier `at` is taken as the last one. After an error that
    /// left the log in doubt, every further call fails.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what counts from here on is the event that is given back"
    )]
    pub fn append(&mut self, at: Timestamp, kind: EventKind) -> Result<Event, Error> {
        if self.failed {
            return Err(Error::Failed {
                path: self.folder.path(EVENTS),
            });
        }
        let at = at.max(self.last_at);
        let (line, event, chain) = self.chain.extend(at, &kind)?;
        self.write_line(&line)?;
        self.last_at = at;
        self.length += line.len() as u64;
        self.chain = chain;
        // What follows can only leave the log and its companions out of step, never the log wrong;
        // the run stops all the same, and `reopen` brings them into step again.
        self.failed = true;
        if is_synced(&kind) {
            let sync = self.log.sync_data();
            sync.map_err(|e| Error::io("sync", &self.folder.path(EVENTS), e))?;
        }
        let seal = head_line(&Seal {
            events: self.chain.seq,
            sha256: self.chain.prev.clone(),
        });
        let sealed = self.head.write_all_at(seal.as_bytes(), 0);
        sealed.map_err(|e| Error::io("write", &self.folder.path(HEAD), e))?;
        let mut records = String::new();
        self.audit.fold(&event, &mut records);
        let audited = self.audit_log.write_all(records.as_bytes());
        audited.map_err(|e| Error::io("write", &self.folder.path(AUDIT), e))?;
        self.failed = false;
        Ok(event)
    }

    /// A log of another length, or that is no longer in its folder, was touched by somebody else (a
    /// test that runs as the same user can): nothing may follow, for nobody could read it.
    fn refuse_foreign_bytes(&mut self) -> Result<(), Error> {
        let path = self.folder.path(EVENTS);
        let there = fs::metadata(&path).map_err(|e| Error::io("look at", &path, e))?;
        let found = there.len();
        if found == self.length {
            return Ok(());
        }
        self.failed = true;
        Err(Error::Broken {
            why: format!("{} bytes were written, {found} are there", self.length),
            line: self.chain.seq + 1,
            path,
        })
    }

    /// One `write` a line: a reader sees the whole line or a torn last one. What a failed write
    /// left is taken back.
    fn write_line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.refuse_foreign_bytes()?;
        let written = match self.log.write(line) {
            Ok(n) if n == line.len() => return Ok(()),
            // The rest did not fit; the system says so only on the next write.
            Ok(_) => io::Error::from(io::ErrorKind::StorageFull),
            Err(e) => e,
        };
        self.failed = self.log.set_len(self.length).is_err();
        Err(Error::io("write", &self.folder.path(EVENTS), written))
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        self.folder.run()
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// The unfinished line that was found and moved aside when the run was reopened; to be shown.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// Writes a file of the run (`diff.patch`, `evidence.md`) whole or not at all, replacing an
    /// older one.
    pub fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let own = [EVENTS, HEAD, TORN, AUDIT, LOCK];
        if own.contains(&name) || RelPath::parse(name).is_err() {
            return Err(Error::Name {
                name: name.to_owned(),
            });
        }
        let path = self.folder.path(name);
        let parent = path.parent().unwrap_or(self.folder.dir());
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(parent)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(parent)?.sync_all()
        };
        write().map_err(|e| Error::io("write", &path, e))
    }
}

impl Drop for Writer {
    /// Takes the number of this process out of the lock: what stays in it was left by a milton that
    /// was killed.
    fn drop(&mut self) {
        // The lock itself goes with the file, whatever it says.
        self.lock.set_len(0).ok();
    }
}

#[cfg(test)]
impl Writer {
    /// Puts another file in the log's place, for faults that a real disk rarely has.
    pub(super) fn replace_log_for_test(&mut self, log: File) {
        self.log = log;
    }
}

/// Whether the event must be on the disk before anybody relies on it: a branch that exists, the end
/// of the pipeline, and what a human did. The others can be lost only together with a machine that
/// goes down, and then nothing outside the record depends on them; a sync for each would cost
/// milliseconds in the middle of a test run.
fn is_synced(kind: &EventKind) -> bool {
    match kind {
        EventKind::BranchCreated { .. }
        | EventKind::RunFinished { .. }
        | EventKind::Reviewed { .. } => true,
        EventKind::RunStarted { .. }
        | EventKind::PolicyLoaded { .. }
        | EventKind::BaseResolved { .. }
        | EventKind::PhaseStarted { .. }
        | EventKind::PhaseFinished { .. }
        | EventKind::PlanMade { .. }
        | EventKind::GateJudged { .. }
        | EventKind::CommandStarted { .. }
        | EventKind::CommandFinished { .. }
        | EventKind::CommitBuilt { .. }
        | EventKind::DiffWritten { .. }
        | EventKind::SandboxChosen { .. }
        | EventKind::VerificationSkipped { .. }
        | EventKind::TestsFinished { .. }
        | EventKind::RisksNoted { .. }
        | EventKind::ChecklistFilled { .. }
        | EventKind::EvidenceWritten { .. }
        | EventKind::RunFailed { .. }
        | EventKind::Noticed { .. } => false,
    }
}

/// How the notice of an unfinished line ends; `verify` looks for it.
pub(super) fn torn_digest(whole: &Digest) -> String {
    format!("{TORN}, now sha256 {whole}")
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    options
        .mode(0o600)
        .open(path)
        .map_err(|e| Error::io("open", path, e))
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| Error::io("sync", path, e))
}

/// Takes the run's lock and leaves this process's number in it. The system gives a lock back when
/// its process ends, however it ends.
fn take_lock(folder: &RunFolder) -> Result<File, Error> {
    let path = folder.path(LOCK);
    let mut lock = open(
        &path,
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false),
    )?;
    for _ in 0..LOCK_TRIES {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                let pid = format!("{}\n", std::process::id());
                lock.set_len(0)
                    .and_then(|()| lock.write_all(pid.as_bytes()))
                    .map_err(|e| Error::io("write", &path, e))?;
                return Ok(lock);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
            Err(e) => return Err(Error::io("lock", &path, e.into())),
        }
    }
    let pid = fs::read_to_string(&path).ok();
    Err(Error::Busy {
        run: folder.run().clone(),
        pid: pid.and_then(|p| p.trim().parse().ok()),
    })
}

/// Appends the unfinished line to `events.torn` and only then cuts it off the log.
fn move_torn_line_aside(
    folder: &RunFolder,
    log: &mut File,
    whole: u64,
    mut torn: Torn,
) -> Result<Torn, Error> {
    let target = folder.path(TORN);
    let mut aside = open(&target, OpenOptions::new().append(true).create(true))?;
    let mut rest = Vec::new();
    let mut copy = || -> io::Result<()> {
        log.seek(SeekFrom::Start(whole))?;
        log.read_to_end(&mut rest)?;
        rest.push(b'\n');
        aside.write_all(&rest)?;
        aside.sync_all()?;
        log.set_len(whole)?;
        log.sync_all()
    };
    copy().map_err(|e| Error::io("move a torn line to", &target, e))?;
    torn.moved_to = Some(target);
    Ok(torn)
}

/// Adds what the audit log lacks after a crash. One that says something else is left as it is (it
/// may be of another version of milton, or evidence of tampering); `RunFolder::audit_matches` tells.
fn complete_audit(audit_log: &mut File, expected: &[u8]) -> io::Result<()> {
    let mut actual = Vec::new();
    audit_log
        .take(expected.len() as u64 + 1)
        .read_to_end(&mut actual)?;
    match expected.strip_prefix(actual.as_slice()) {
        Some(missing) => audit_log.write_all(missing),
        None => Ok(()),
    }
}
