//! Optimizer updates on the CPU: every element once, blocks divided among threads.

use super::{Adam, Sgd};
use rayon::prelude::*;

/// Elements per task.
const BLOCK: usize = 16 * 1024;

pub fn descend(w: &mut [f32], g: &[f32], factor: f32, sgd: &Sgd) {
    let (rate, decay) = (sgd.rate as f32, sgd.weight_decay as f32);
    w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK)).for_each(|(w, g)| {
        w.iter_mut().zip(g).for_each(|(w, g)| *w -= rate * (factor * g + decay * *w));
    });
}

pub fn descend_with_momentum(w: &mut [f32], g: &[f32], factor: f32, m: &mut [f32], sgd: &Sgd) {
    let (rate, momentum, decay) = (sgd.rate as f32, sgd.momentum as f32, sgd.weight_decay as f32);
    let blocks = w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK)).zip(m.par_chunks_mut(BLOCK));
    blocks.for_each(|((w, g), m)| {
        for ((w, g), m) in w.iter_mut().zip(g).zip(m) {
            *m = momentum * *m + (factor * g + decay * *w);
            *w -= rate * *m;
        }
    });
}

pub fn adam(w: &mut [f32], g: &[f32], factor: f32, m: &mut [f32], v: &mut [f32], adam: &Adam) {
    let [first, second] = adam.betas.map(|beta| beta as f32);
    let [first_rest, second_rest] = adam.betas.map(|beta| (1.0 - beta) as f32);
    let (decay, keep, rate) = (adam.weight_decay as f32, adam.keep as f32, adam.rate as f32);
    let (root_scale, eps) = (adam.root_scale as f32, adam.eps as f32);
    let moments = m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK));
    w.par_chunks_mut(BLOCK).zip(g.par_chunks(BLOCK)).zip(moments).for_each(|((w, g), (m, v))| {
        for ((w, g), (m, v)) in w.iter_mut().zip(g).zip(m.iter_mut().zip(v)) {
            let kept = keep * *w;
            let g = factor * g + decay * kept;
            *m = first * *m + first_rest * g;
            *v = second * *v + second_rest * (g * g);
            *w = kept - rate * *m / (v.sqrt() / root_scale + eps);
        }
    });
}

/// Partial sums of blocks, in eight lanes each, are collected in order before they are added: the same bits for any
/// number of threads.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    let block = |x: &[f32]| {
        let (eights, rest) = x.as_chunks::<8>();
        let mut lanes = [0f64; 8];
        for eight in eights {
            lanes.iter_mut().zip(eight).for_each(|(lane, &v)| *lane += f64::from(v) * f64::from(v));
        }
        lanes.iter().sum::<f64>() + rest.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>()
    };
    x.par_chunks(BLOCK).map(block).collect::<Vec<f64>>().into_iter().sum()
}
