//! Faults of the disk, and the two ends that stay in memory.

use std::io::PipeWriter;

use proptest::prelude::*;

use super::*;

fn sink(log: File) -> (Sink, oneshot::Receiver<()>) {
    let (halt, halted) = oneshot::channel();
    let sink = Sink {
        masking: None,
        log,
        limit: u64::MAX,
        progress: watch::channel(0).0,
        halt: Some(halt),
    };
    (sink, halted)
}

fn pipes() -> ([OwnedFd; 2], [PipeWriter; 2]) {
    let (out, out_writer) = io::pipe().unwrap();
    let (err, err_writer) = io::pipe().unwrap();
    ([out.into(), err.into()], [out_writer, err_writer])
}

#[tokio::test]
async fn a_full_disk_halts_the_command_and_still_reads_to_the_end() {
    let log = File::options().write(true).open("/dev/full").unwrap();
    let (sink, halted) = sink(log);
    let ([out, err], [mut out_writer, err_writer]) = pipes();
    let printing = std::thread::spawn(move || {
        // Far more than a pipe holds: it ends only when somebody goes on reading.
        let written = out_writer.write_all(&vec![b'x'; 64 * CHUNK]);
        drop(err_writer);
        written
    });
    let captured = capture(out, err, sink, CancellationToken::new()).await;
    printing.join().unwrap().unwrap();
    assert_eq!(halted.await, Ok(()));
    assert_eq!(
        captured.problem.map(|error| error.kind()),
        Some(io::ErrorKind::StorageFull)
    );
    assert_eq!(captured.stdout.bytes, 0);
    assert!(captured.complete);
}

#[tokio::test]
async fn a_pipe_that_stays_open_can_be_given_up() {
    let (sink, _halted) = sink(tempfile::tempfile().unwrap());
    let ([out, err], [mut out_writer, err_writer]) = pipes();
    out_writer.write_all(b"before").unwrap();
    drop(err_writer);
    let cancel = CancellationToken::new();
    let mut written = sink.progress.subscribe();
    let (captured, ()) = tokio::join!(capture(out, err, sink, cancel.clone()), async {
        written.wait_for(|bytes| *bytes == 6).await.unwrap();
        cancel.cancel();
    });
    assert!(!captured.complete);
    assert_eq!(captured.stdout.head, "before");
}

fn summary(chunks: &[&[u8]]) -> OutputSummary {
    let mut stream = Stream::default();
    for chunk in chunks {
        stream.update(chunk);
    }
    stream.summary()
}

#[test]
fn a_character_is_never_cut_by_the_ends() {
    let text = "ü€😀".repeat(END);
    for offset in 0..4 {
        let whole = format!("{}{text}", "x".repeat(offset));
        let summary = summary(&[whole.as_bytes()]);
        assert!(whole.starts_with(&summary.head));
        assert!(whole.ends_with(&summary.tail));
        assert!(summary.head.len() > END - 4 && summary.tail.len() > END - 4);
    }
    assert_eq!(summary(&[b"a\xff"]).head, "a\u{fffd}");
}

proptest! {
    #[test]
    fn head_and_tail_together_hold_everything_up_to_sixteen_kibibytes(
        length in 0..2 * END, chunk in 1..3000_usize,
    ) {
        let bytes: Vec<u8> = (b'a'..=b'z').cycle().take(length).collect();
        let summary = summary(&bytes.chunks(chunk).collect::<Vec<_>>());
        prop_assert_eq!(summary.head.len(), length.min(END));
        prop_assert_eq!(format!("{}{}", summary.head, summary.tail).into_bytes(), bytes);
    }

    #[test]
    fn the_tail_is_the_end_whatever_the_chunks(chunk in 1..70_000_usize) {
        let bytes: Vec<u8> = (b'a'..=b'z').cycle().take(200_003).collect();
        let summary = summary(&bytes.chunks(chunk).collect::<Vec<_>>());
        prop_assert_eq!(summary.tail.as_bytes(), &bytes[bytes.len() - END..]);
        prop_assert_eq!(summary.sha256, Digest::of(&bytes));
    }
}
