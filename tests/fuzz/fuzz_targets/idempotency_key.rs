//! `cargo fuzz`'s way into [`fuzz::idempotency_key`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::idempotency_key::run(data));
