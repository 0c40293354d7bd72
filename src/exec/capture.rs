//! Captures both streams of a command: every byte into one file, in order of arrival, with only
//! the two ends of each stream in memory.
//!
//! One thread of the blocking pool does all of it: it waits on both pipes with the runtime's own
//! reactor, then hashes and writes on the spot. No channel and no lock lies between the pipe and
//! the disk, so arrival order needs no argument, memory is two buffers whatever is printed, and a
//! slow disk slows the command down instead of filling memory or blocking the runtime.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::exec::mask::{Lines, Masked, Masking};
use crate::model::digest::Hasher;
use crate::model::{Digest, MaskedSecret, OutputSummary};

/// The size of a read; also the capacity of a pipe on Linux, so that a larger one gains nothing.
const CHUNK: usize = 64 * 1024;

/// How much of the beginning and of the end of a stream is kept in memory.
const END: usize = 8 * 1024;

/// How long the beginning of a line waits for its end before it is written without it.
const PATIENCE: Duration = Duration::from_millis(100);

/// The most secrets whose lines are told; the count goes on.
const MOST_TOLD: usize = 20;

/// What was captured.
#[derive(Debug)]
pub(super) struct Captured {
    /// Standard output.
    pub(super) stdout: OutputSummary,
    /// Standard error.
    pub(super) stderr: OutputSummary,
    /// The digest of the output file.
    pub(super) log: Digest,
    /// Whether more was printed than the limit allows. The surplus is in no file and no count.
    pub(super) over_limit: bool,
    /// Whether both streams came to their end; `false` when the capture was cancelled.
    pub(super) complete: bool,
    /// The first read or write that failed. Nothing after it was written.
    pub(super) problem: Option<io::Error>,
    /// What was masked.
    pub(super) secrets: Secrets,
}

/// The secrets of both streams.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Where the first ones stand.
    pub(super) lines: Vec<MaskedSecret>,
    /// How many there were.
    pub(super) count: u64,
}

/// Where the captured bytes go.
pub(super) struct Sink {
    /// The output file.
    pub(super) log: File,
    /// The bytes both streams may print together.
    pub(super) limit: u64,
    /// Takes the bytes written so far, after they were written.
    pub(super) progress: watch::Sender<u64>,
    /// Fires once, when the command must be ended: over the limit, or nothing can be written.
    pub(super) halt: Option<oneshot::Sender<()>>,
    /// Masks what is written, if anything does.
    pub(super) masking: Option<Arc<dyn Masking>>,
}

/// Reads both streams to their ends, whatever happens to the file, so that a command never blocks
/// on a full pipe and the end of the last process is seen.
pub(super) async fn capture(
    stdout: OwnedFd,
    stderr: OwnedFd,
    sink: Sink,
    cancel: CancellationToken,
) -> Captured {
    let mut writer = Writer::new(sink);
    let stream = |masking: &Option<Arc<dyn Masking>>| Stream {
        lines: masking.as_ref().map(|masking| Lines::new(masking.stream())),
        ..Stream::default()
    };
    let mut streams = [stream(&writer.sink.masking), stream(&writer.sink.masking)];
    let [out, err] = &mut streams;
    let complete = match (
        Receiver::from_owned_fd(stdout),
        Receiver::from_owned_fd(stderr),
    ) {
        (Ok(stdout), Ok(stderr)) => tokio::select! {
            () = copy([stdout, stderr], [out, err], &mut writer) => true,
            () = cancel.cancelled() => false,
        },
        (Err(error), _) | (_, Err(error)) => {
            writer.fail(error);
            true
        }
    };
    let [stdout, stderr] = streams;
    Captured {
        stdout: stdout.summary(),
        stderr: stderr.summary(),
        log: writer.hasher.finish(),
        over_limit: writer.over_limit,
        complete,
        problem: writer.problem,
        secrets: writer.secrets,
    }
}

async fn copy(pipes: [Receiver; 2], streams: [&mut Stream; 2], writer: &mut Writer) {
    let [mut stdout, mut stderr] = pipes;
    let [out, err] = streams;
    let mut out_buffer = vec![0; CHUNK];
    let mut err_buffer = vec![0; CHUNK];
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        let deadline = [out.waits_since, err.waits_since]
            .into_iter()
            .flatten()
            .min();
        tokio::select! {
            read = stdout.read(&mut out_buffer), if out_open => {
                out_open = writer.take(read, &out_buffer, out);
            }
            read = stderr.read(&mut err_buffer), if err_open => {
                err_open = writer.take(read, &err_buffer, err);
            }
            () = sleep_until(deadline.unwrap_or_else(Instant::now) + PATIENCE), if deadline.is_some() => {
                writer.hurry(out);
                writer.hurry(err);
            }
        }
    }
}

/// The output file and what is known about it.
struct Writer {
    sink: Sink,
    hasher: Hasher,
    written: u64,
    /// How many line feeds were written; counted only where something is masked.
    line_feeds: u64,
    over_limit: bool,
    problem: Option<io::Error>,
    secrets: Secrets,
}

impl Writer {
    fn new(sink: Sink) -> Self {
        Self {
            sink,
            hasher: Hasher::default(),
            written: 0,
            line_feeds: 0,
            over_limit: false,
            problem: None,
            secrets: Secrets::default(),
        }
    }

    /// Takes the result of one read; says whether the stream goes on.
    fn take(&mut self, read: io::Result<usize>, buffer: &[u8], stream: &mut Stream) -> bool {
        match read {
            Ok(0) => {
                let rest = stream.lines.as_mut().map(Lines::finish);
                self.write_masked(rest, stream);
                return false;
            }
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                match stream.lines.as_mut().map(|lines| lines.take(bytes)) {
                    None => self.write(bytes, stream),
                    masked => self.write_masked(masked, stream),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.fail(error);
                return false;
            }
        }
        true
    }

    /// Writes the beginning of a line that waited for its end.
    fn hurry(&mut self, stream: &mut Stream) {
        let due = stream
            .waits_since
            .is_some_and(|since| since + PATIENCE <= Instant::now());
        if due {
            let beginning = stream.lines.as_mut().map(Lines::hurry);
            self.write_masked(beginning, stream);
            // What cannot be shown yet waits for the end of its line, however long.
            stream.waits_since = None;
        }
    }

    fn write_masked(&mut self, masked: Option<(Vec<u8>, Vec<Masked>)>, stream: &mut Stream) {
        let Some((bytes, found)) = masked else {
            return;
        };
        for Masked { line, rule } in found {
            self.secrets.count += 1;
            if self.secrets.lines.len() < MOST_TOLD {
                let line = self.line_feeds + line + 1;
                self.secrets.lines.push(MaskedSecret { line, rule });
            }
        }
        let line_feeds: u64 = bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum();
        self.line_feeds += line_feeds;
        self.write(&bytes, stream);
        let holds = stream.lines.as_ref().is_some_and(Lines::is_holding);
        stream.waits_since = match stream.waits_since {
            // Something was written: the line that waits now is another one.
            Some(since) if holds && bytes.is_empty() => Some(since),
            Some(_) | None => holds.then(Instant::now),
        };
    }

    fn write(&mut self, bytes: &[u8], stream: &mut Stream) {
        if self.over_limit || self.problem.is_some() {
            return;
        }
        let room = usize::try_from(self.sink.limit - self.written).unwrap_or(usize::MAX);
        let kept = bytes.get(..room).unwrap_or(bytes);
        if let Err(error) = self.sink.log.write_all(kept) {
            self.fail(error);
            return;
        }
        self.hasher.update(kept);
        stream.update(kept);
        self.written += kept.len() as u64;
        self.sink.progress.send_replace(self.written);
        if kept.len() < bytes.len() {
            self.over_limit = true;
            self.halt();
        }
    }

    fn fail(&mut self, error: io::Error) {
        self.problem.get_or_insert(error);
        self.halt();
    }

    fn halt(&mut self) {
        if let Some(halt) = self.sink.halt.take() {
            // Nobody listens when the command has ended already.
            halt.send(()).ok();
        }
    }
}

/// One stream: its digest, and its two ends.
#[derive(Default)]
struct Stream {
    hasher: Hasher,
    bytes: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    lines: Option<Lines>,
    /// Since when the beginning of a line is held back.
    waits_since: Option<Instant>,
}

impl Stream {
    fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        let (head, rest) = bytes
            .split_at_checked(END - self.head.len())
            .unwrap_or((bytes, &[]));
        self.head.extend_from_slice(head);
        self.tail
            .extend_from_slice(rest.get(rest.len().saturating_sub(END)..).unwrap_or(rest));
        // Trimmed only now and then, so that many short lines do not move 8 KiB each.
        if self.tail.len() > 8 * END {
            self.trim();
        }
    }

    fn trim(&mut self) {
        self.tail.drain(..self.tail.len().saturating_sub(END));
    }

    fn summary(mut self) -> OutputSummary {
        if !self.tail.is_empty() {
            // A character that lies across the cut belongs to the tail as a whole.
            let cut = complete_prefix(&self.head);
            let moved = self.head.split_off(cut);
            self.tail.splice(0..0, moved);
        }
        self.trim();
        let start = self
            .tail
            .iter()
            .take(3)
            .take_while(|byte| is_continuation(**byte));
        let start = if self.bytes > 2 * END as u64 {
            start.count()
        } else {
            0
        };
        OutputSummary {
            bytes: self.bytes,
            sha256: self.hasher.finish(),
            head: String::from_utf8_lossy(&self.head).into_owned(),
            tail: String::from_utf8_lossy(self.tail.get(start..).unwrap_or_default()).into_owned(),
        }
    }
}

/// The length without an unfinished UTF-8 character at the end.
fn complete_prefix(bytes: &[u8]) -> usize {
    bytes
        .utf8_chunks()
        .last()
        .filter(|last| {
            // Only the beginning of a character that could still become one is unfinished; other
            // invalid bytes stay where they are.
            std::str::from_utf8(last.invalid()).is_err_and(|error| error.error_len().is_none())
        })
        .map_or(bytes.len(), |last| bytes.len() - last.invalid().len())
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

#[cfg(test)]
mod tests;
