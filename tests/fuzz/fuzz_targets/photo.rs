//! `cargo fuzz`'s way into [`fuzz::photo`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::photo::run(data));
