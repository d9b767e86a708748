//! Pooling on the CPU: one image after another, images divided among threads.

use super::Planes;
use rayon::prelude::*;

/// Images per task.
const TASK: usize = 16;

pub fn average<T: Copy + Into<f32> + Sync>(x: &[T], planes: &Planes) -> Vec<f32> {
    let ((height, width), (kh, kw)) = (planes.pooled(), planes.window);
    let scale = 1.0 / (kh * kw) as f32;
    let mut y = vec![0f32; planes.count * height * width];
    let inputs = x.par_chunks(TASK * planes.height * planes.width);
    y.par_chunks_mut((TASK * height * width).max(1)).zip(inputs).for_each(|(y, x)| {
        for (y, x) in y.chunks_mut(height * width).zip(x.chunks(planes.height * planes.width)) {
            for (row, y) in y.chunks_mut(width).enumerate() {
                for x in x[row * kh * planes.width..][..kh * planes.width].chunks(planes.width) {
                    for (y, x) in y.iter_mut().zip(x.chunks(kw)) {
                        *y += x.iter().map(|&v| v.into()).sum::<f32>();
                    }
                }
                y.iter_mut().for_each(|y| *y *= scale);
            }
        }
    });
    y
}

pub fn average_gradient(grad: &[f32], planes: &Planes) -> Vec<f32> {
    let ((height, width), (kh, kw)) = (planes.pooled(), planes.window);
    let scale = 1.0 / (kh * kw) as f32;
    let mut dx = vec![0f32; planes.count * planes.height * planes.width];
    let grads = grad.par_chunks((TASK * height * width).max(1));
    dx.par_chunks_mut(TASK * planes.height * planes.width).zip(grads).for_each(|(dx, grad)| {
        for (dx, grad) in dx.chunks_mut(planes.height * planes.width).zip(grad.chunks(height * width)) {
            for (row, dx) in dx.chunks_mut(planes.width).take(height * kh).enumerate() {
                for (dx, g) in dx.chunks_mut(kw).zip(&grad[row / kh * width..][..width]) {
                    dx.fill(g * scale);
                }
            }
        }
    });
    dx
}

/// The maxima and their places inside the windows. A window has at most 256 places (the layer checks).
pub fn max<T: Copy + PartialOrd + Default + Sync + Send>(x: &[T], planes: &Planes) -> (Vec<T>, Vec<u8>) {
    let ((height, width), (kh, kw)) = (planes.pooled(), planes.window);
    let size = planes.count * height * width;
    let (mut y, mut places) = (vec![T::default(); size], vec![0u8; size]);
    let inputs = x.par_chunks(planes.height * planes.width);
    let outputs = y.par_chunks_mut(height * width).zip(places.par_chunks_mut(height * width));
    outputs.zip(inputs).with_min_len(TASK).for_each(|((y, places), x)| {
        for (at, (y, place)) in y.iter_mut().zip(places).enumerate() {
            let corner = at / width * kh * planes.width + at % width * kw;
            (*y, *place) = (x[corner], 0);
            for inner in 1..kh * kw {
                let value = x[corner + inner / kw * planes.width + inner % kw];
                if value > *y {
                    (*y, *place) = (value, inner as u8);
                }
            }
        }
    });
    (y, places)
}

pub fn max_gradient(grad: &[f32], places: &[u8], planes: &Planes) -> Vec<f32> {
    let ((height, width), (kh, kw)) = (planes.pooled(), planes.window);
    let mut dx = vec![0f32; planes.count * planes.height * planes.width];
    let outputs = grad.par_chunks(height * width).zip(places.par_chunks(height * width));
    dx.par_chunks_mut(planes.height * planes.width).zip(outputs).with_min_len(TASK).for_each(|(dx, (grad, places))| {
        for (at, (g, &place)) in grad.iter().zip(places).enumerate() {
            let corner = at / width * kh * planes.width + at % width * kw;
            dx[corner + place as usize / kw * planes.width + place as usize % kw] = *g;
        }
    });
    dx
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of 3 x 5 with windows of 2 x 2: the last row and column fill no window.
    const PLANES: Planes = Planes { count: 2, height: 3, width: 5, window: (2, 2) };
    #[rustfmt::skip]
    const X: [f32; 30] = [
        1., 2., 3., 4., 9.,   5., 6., 7., 8., 9.,   9., 9., 9., 9., 9.,
        4., 4., 0., 0., 9.,   4., 4., 0., 1., 9.,   9., 9., 9., 9., 9.,
    ];

    #[test]
    fn averages_are_those_computed_by_hand() {
        assert_eq!(average(&X, &PLANES), [3.5, 5.5, 4., 0.25]);
    }

    #[test]
    fn an_average_spreads_its_gradient_evenly_and_leaves_the_border_without() {
        let dx = average_gradient(&[4., 8., 12., 16.], &PLANES);
        assert_eq!(dx[..15], [1., 1., 2., 2., 0., 1., 1., 2., 2., 0., 0., 0., 0., 0., 0.]);
        assert_eq!(dx[15..20], [3., 3., 4., 4., 0.]);
    }

    #[test]
    fn of_equal_maxima_the_first_gets_the_whole_gradient() {
        let (y, places) = max(&X, &PLANES);
        assert_eq!((y, places.clone()), (vec![6., 8., 4., 1.], vec![3, 3, 0, 3]));
        let dx = max_gradient(&[1., 2., 3., 4.], &places, &PLANES);
        let hit: Vec<(usize, f32)> = dx.into_iter().enumerate().filter(|(_, v)| *v != 0.).collect();
        assert_eq!(hit, [(6, 1.), (8, 2.), (15, 3.), (23, 4.)]);
    }
}
