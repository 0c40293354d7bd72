//! What the secret rules find in code that holds no secrets: false alarms.
//!
//! The test looks at milton's own sources. `benches/false-alarms.sh FOLDER...` lets it look at other
//! code and prints figures; every line counts as added.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use milton::policy::Redactor;

/// Larger files are data; the policy refuses them by their size.
const LARGEST: u64 = 1 << 20;

#[derive(Default)]
struct Figures {
    files: u64,
    lines: u64,
    bytes: u64,
    by_rule: BTreeMap<String, u64>,
    places: Vec<String>,
}

fn look(path: &Path, redactor: &Redactor, figures: &mut Figures) {
    let Ok(kind) = path.symlink_metadata() else {
        return;
    };
    if kind.is_dir() {
        let Ok(entries) = std::fs::read_dir(path) else {
            return;
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let is_own = [".git", "target"].iter().any(|name| path.ends_with(name));
            if !is_own {
                look(&path, redactor, figures);
            }
        }
        return;
    }
    if !kind.is_file() || kind.len() > LARGEST {
        return;
    }
    // What is not text is refused for being binary.
    let Ok(text) = std::fs::read_to_string(path) else {
        return;
    };
    if text.contains('\0') {
        return;
    }
    figures.files += 1;
    figures.lines += text.lines().count() as u64;
    figures.bytes += text.len() as u64;
    for found in redactor.refused(&text) {
        *figures.by_rule.entry(found.rule.clone()).or_default() += 1;
        figures.places.push(format!(
            "{}:{}: {}",
            path.display(),
            found.line + 1,
            found.rule
        ));
    }
}

#[test]
fn the_sources_of_milton_hold_nothing_that_its_rules_take_for_a_secret() {
    let redactor = Redactor::embedded().unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut figures = Figures::default();
    for folder in ["src", "tests", "docs", "assets", "benches"] {
        look(&own.join(folder), &redactor, &mut figures);
    }
    assert!(figures.files > 150, "{}", figures.files);
    assert_eq!(figures.places, [""; 0]);
}

#[test]
fn the_folders_of_the_measurement_are_looked_at() {
    // Named by the script; without it there is nothing to measure, and milton's own documents do.
    let own = format!("{}/docs", env!("CARGO_MANIFEST_DIR"));
    #[expect(
        clippy::disallowed_methods,
        reason = "what the script says, not milton"
    )]
    let folders = std::env::var("MILTON_CORPUS").unwrap_or(own);
    let redactor = Redactor::embedded().unwrap();
    let mut figures = Figures::default();
    let begun = Instant::now();
    for folder in folders.split(':') {
        look(Path::new(folder), &redactor, &mut figures);
    }
    let seconds = begun.elapsed().as_secs_f64();
    assert!(figures.files > 0, "{folders} holds no text");
    let hits: u64 = figures.by_rule.values().sum();
    for place in &figures.places {
        println!("{place}");
    }
    for (rule, hits) in &figures.by_rule {
        println!("{hits:>8}  {rule}");
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let per_million = hits as f64 * 1e6 / figures.lines as f64;
    println!(
        "{} files, {} lines, {} bytes in {seconds:.1} s: {hits} hits, {per_million:.1} a million lines",
        figures.files, figures.lines, figures.bytes
    );
}
