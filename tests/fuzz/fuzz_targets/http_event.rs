//! `cargo fuzz`'s way into [`fuzz::http_event`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::http_event::run(data));
