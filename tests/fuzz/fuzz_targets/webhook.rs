//! `cargo fuzz`'s way into [`fuzz::webhook`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::webhook::run(data));
