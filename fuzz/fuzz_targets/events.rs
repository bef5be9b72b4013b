#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lightgcn_fuzz::events::fuzz_one(bytes));
