#![no_main]

#[path = "../../tests/abuse/parsers.rs"]
#[allow(dead_code)]
mod parsers;

use std::sync::LazyLock;

static READER: LazyLock<(parsers::LogReader, tempfile::TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    (parsers::LogReader::new(folder.path()), folder)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| READER.0.read(bytes));
