//! See `homefront_fuzz::worker_frames`. Without a fuzzer it takes files: `worker_frames FILE…` runs what a fuzzer once found.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| homefront_fuzz::worker_frames(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    homefront_fuzz::replay(homefront_fuzz::worker_frames)
}
