#![no_main]

#[path = "../../tests/abuse/parsers.rs"]
#[allow(dead_code)]
mod parsers;

libfuzzer_sys::fuzz_target!(|text: &str| parsers::command_line(text));
