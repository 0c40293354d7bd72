#![no_main]

#[path = "../../tests/abuse/parsers.rs"]
#[allow(dead_code)]
mod parsers;

use std::sync::LazyLock;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parsers::junit(bytes, FOLDER.path()));
