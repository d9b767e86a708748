//! See `weights` in `tests/robustness/bodies.rs`.
#![no_main]

#[path = "../../tests/robustness/bodies.rs"]
#[allow(dead_code)]
mod bodies;
#[path = "../../tests/robustness/seeds.rs"]
#[allow(dead_code)]
mod seeds;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::weights(input);
});
