//! `cargo fuzz`'s way into [`fuzz::fal_response`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::fal_response::run(data));
