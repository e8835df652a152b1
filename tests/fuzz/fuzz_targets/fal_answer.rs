//! `cargo fuzz`'s way into [`fuzz::fal_answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::fal_answer::run(data));
