//! See `homefront_fuzz::function_event`. Without a fuzzer it takes files: `function_event FILE…` runs what a fuzzer once found.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| homefront_fuzz::function_event(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    homefront_fuzz::replay(homefront_fuzz::function_event)
}
