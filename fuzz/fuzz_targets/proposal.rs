#![no_main]

#[path = "../../tests/abuse/parsers.rs"]
#[allow(dead_code)]
mod parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parsers::proposal(bytes));
