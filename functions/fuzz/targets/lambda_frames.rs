//! See `homefront_fuzz::lambda_frames`. Without a fuzzer it takes files: `lambda_frames FILE…` runs what a fuzzer once found.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| homefront_fuzz::lambda_frames(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    homefront_fuzz::replay(homefront_fuzz::lambda_frames)
}
