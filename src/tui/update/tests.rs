use crate::tui::fixture::*;

#[test]
#[ignore = "for the eye only"]
fn look() {
    for (w, h) in [(80, 24), (40, 12), (160, 44)] {
        for (story, keys) in [
            (running(), ""),
            (review(), "]"),
            (blocked(), ""),
            (test_failure(), "5jj"),
            (ready(), "A"),
            (ready(), "?"),
        ] {
            let mut bench = Bench::new(&story, (w, h));
            bench.keys(keys);
            println!("{}", bench.text());
        }
    }
}
