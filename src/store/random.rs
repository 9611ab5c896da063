//! Random names.

/// `bytes` random bytes as hex.
pub(crate) fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the system's random source answers");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}
