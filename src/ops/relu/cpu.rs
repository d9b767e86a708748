//! Rectifying on the CPU: elements side by side, divided among threads.

use rayon::prelude::*;

/// Elements that a task takes at least.
const ELEMENTS: usize = 1 << 14;

/// Y, and where X is above 0.
pub fn forward(x: &[f32]) -> (Vec<f32>, Vec<u8>) {
    let (mut y, mut active) = (vec![0.0; x.len()], vec![0; x.len()]);
    let blocks = y.par_chunks_mut(ELEMENTS).zip(active.par_chunks_mut(ELEMENTS)).zip(x.par_chunks(ELEMENTS));
    blocks.for_each(|((y, active), x)| {
        for ((y, active), &x) in y.iter_mut().zip(active).zip(x) {
            // What is not a number is not at most 0.
            *y = if x <= 0.0 { 0.0 } else { x };
            *active = u8::from(x > 0.0);
        }
    });
    (y, active)
}

/// dX.
pub fn gradient(dy: &[f32], active: &[u8]) -> Vec<f32> {
    let of = |(&dy, &active): (&f32, &u8)| if active == 0 { 0.0 } else { dy };
    dy.par_iter().zip(active).with_min_len(ELEMENTS).map(of).collect()
}
