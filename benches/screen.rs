//! From a key to the drawn frame, on a terminal of 120 by 40 cells in memory. Colouring and reading
//! are counted, although the program does them beside the screen. A frame has 16 ms.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark ends where it cannot measure"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use milton::tui::bench::Bench;

/// Goes down, and back to the top when the end is reached.
fn scroll(criterion: &mut Criterion, lines: usize) {
    let mut group = criterion.benchmark_group(format!("diff of {lines} lines"));
    group.bench_function("one line down", |bencher| {
        let mut bench = Bench::open(lines).unwrap();
        let mut presses = 0;
        bencher.iter(|| {
            presses += 1;
            bench.press(if presses % (lines / 2) == 0 { 'g' } else { 'j' });
        });
        black_box(bench.text());
    });
    group.bench_function("one page down", |bencher| {
        let mut bench = Bench::open(lines).unwrap();
        let mut presses = 0;
        bencher.iter(|| {
            presses += 1;
            if presses % (lines / 20) == 0 {
                bench.press('g');
            } else {
                bench.page_down();
            }
        });
        black_box(bench.text());
    });
    group.finish();
}

fn small(criterion: &mut Criterion) {
    scroll(criterion, 400);
}

fn large(criterion: &mut Criterion) {
    scroll(criterion, 100_000);
}

fn log(criterion: &mut Criterion) {
    criterion.bench_function("the log grew by 100 lines", |bencher| {
        let mut bench = Bench::open(400).unwrap();
        // The window is full: its size is what a frame costs.
        bench.print(10_000).unwrap();
        bencher.iter(|| bench.print(100).unwrap());
        black_box(bench.text());
    });
}

criterion_group!(screen, small, large, log);
criterion_main!(screen);
