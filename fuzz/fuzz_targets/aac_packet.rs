#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| boothd_fuzz::targets::aac_packet(data));
