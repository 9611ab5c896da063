#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boothd_fuzz::targets::mp4(data));
