//! See `progress` in `tests/hostile/bodies.rs`.
#![no_main]

#[path = "../../tests/hostile/bodies.rs"]
#[allow(dead_code)]
mod bodies;
#[path = "../../tests/hostile/seeds.rs"]
#[allow(dead_code)]
mod seeds;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    bodies::progress(input);
});
