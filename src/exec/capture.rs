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

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::model::digest::Hasher;
use crate::model::{Digest, OutputSummary};

/// The size of a read; also the capacity of a pipe on Linux, so that a larger one gains nothing.
const CHUNK: usize = 64 * 1024;

/// How much of the beginning and of the end of a stream is kept in memory.
const END: usize = 8 * 1024;

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
    let mut streams = [Stream::default(), Stream::default()];
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
    }
}

async fn copy(pipes: [Receiver; 2], streams: [&mut Stream; 2], writer: &mut Writer) {
    let [mut stdout, mut stderr] = pipes;
    let [out, err] = streams;
    let mut out_buffer = vec![0; CHUNK];
    let mut err_buffer = vec![0; CHUNK];
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        tokio::select! {
            read = stdout.read(&mut out_buffer), if out_open => {
                out_open = writer.take(read, &out_buffer, out);
            }
            read = stderr.read(&mut err_buffer), if err_open => {
                err_open = writer.take(read, &err_buffer, err);
            }
        }
    }
}

/// The output file and what is known about it.
struct Writer {
    sink: Sink,
    hasher: Hasher,
    written: u64,
    over_limit: bool,
    problem: Option<io::Error>,
}

impl Writer {
    fn new(sink: Sink) -> Self {
        Self {
            sink,
            hasher: Hasher::default(),
            written: 0,
            over_limit: false,
            problem: None,
        }
    }

    /// Takes the result of one read; says whether the stream goes on.
    fn take(&mut self, read: io::Result<usize>, buffer: &[u8], stream: &mut Stream) -> bool {
        match read {
            Ok(0) => return false,
            Ok(count) => self.write(buffer.get(..count).unwrap_or_default(), stream),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.fail(error);
                return false;
            }
        }
        true
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
