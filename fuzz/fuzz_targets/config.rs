#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lightgcn_fuzz::config::fuzz_one(bytes));
