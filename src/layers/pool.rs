//! Pooling of every time-step.

use super::plan::{PlanResult, SavedForBackward};
use super::{
    BuildContext, Layer, LayerPlan, LayerSpec, Output, SavedTensors, SequenceSizes, SequenceSpec, Traffic, map_sequence,
};
use crate::ops::pool::{self, Window};
use crate::ops::sequence::{once, repeat};
use crate::ops::sum_over_time::sum_over_time;
use candle_core::{Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pooling over square, non-overlapping windows; the equations stand in [`crate::ops::pool`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolConfig {
    /// Means over windows of this side.
    Average(#[schemars(range(min = 1))] usize),
    /// Maxima over windows of this side; of spikes they are spikes.
    Max(#[schemars(range(min = 1, max = 16))] usize),
    /// The mean of every channel.
    GlobalAverage,
}

impl PoolConfig {
    /// Whether it takes maxima.
    pub fn is_max(&self) -> bool {
        matches!(self, Self::Max(_))
    }

    /// The rows and the columns of an image, its last, that no window reaches.
    pub fn dropped(&self, image @ [_, height, width]: [usize; 3]) -> [usize; 2] {
        let window = self.window(image);
        [height.checked_rem(window.0), width.checked_rem(window.1)].map(Option::unwrap_or_default)
    }

    fn window(&self, [_, height, width]: [usize; 3]) -> Window {
        match *self {
            Self::Average(side) | Self::Max(side) => (side, side),
            Self::GlobalAverage => (height, width),
        }
    }

    /// The window, where the gradient of an image's elements is that of means over windows that leave none out.
    fn spread_window(&self, image: [usize; 3]) -> Option<Window> {
        let divides = self.dropped(image) == [0, 0];
        (divides && !matches!(self, Self::Max(_))).then_some(self.window(image))
    }
}

impl LayerSpec for PoolConfig {
    fn plan(&self, input: &SequenceSpec, _: &BuildContext) -> PlanResult {
        let image @ [channels, height, width] = input.image()?;
        let (kh, kw) = self.window(image);
        if kh > height || kw > width {
            return Err(format!("a window of {kh} does not fit an image of {height} x {width}").into());
        }
        let windows = |side: usize, window| side.checked_div(window).unwrap_or_default();
        let shape = vec![channels, windows(height, kh), windows(width, kw)];
        Ok(match self {
            Self::Max(_) => {
                LayerPlan::free(input, SequenceSpec { shape, ..input.clone() }, SavedForBackward::OutputPlaces)
            }
            _ => LayerPlan::free(input, input.currents(shape), SavedForBackward::Nothing),
        })
    }

    fn traffic(&self, sizes: &SequenceSizes<'_>, _: Option<&SequenceSpec>) -> Traffic {
        let traffic = sizes.once_each_way();
        match self.shared_gradient(sizes.plan) {
            Some(_) => Traffic { backward: 0, ..traffic },
            None => traffic,
        }
    }

    fn shared_gradient(&self, plan: &LayerPlan) -> Option<usize> {
        let (height, width) = self.spread_window(plan.input.image().ok()?)?;
        plan.input.spikes.then(|| height.saturating_mul(width))
    }

    fn build(&self, plan: &LayerPlan, _: &BuildContext) -> Result<Box<dyn Layer>> {
        let image = plan.input.shape.clone();
        let window = plan.input.image().map_or((1, 1), |image| self.window(image));
        Ok(Box::new(Pool { config: *self, window, image }))
    }
}

pub struct Pool {
    config: PoolConfig,
    window: Window,
    /// [C, H, W] of the input.
    image: Vec<usize>,
}

impl Layer for Pool {
    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)> {
        if !matches!(self.config, PoolConfig::Max(_)) {
            return Ok((self.evaluate(&x)?, SavedTensors::nothing()));
        }
        let time_steps = x.dim(0)?;
        let (step, constant) = match once(&x)? {
            Some(step) => (step, true),
            None => (x, false),
        };
        let (y, places) = pool::max(&step, self.window)?;
        let y = if constant { repeat(&y, time_steps)? } else { y };
        Ok((y.into(), SavedTensors::new([places])))
    }

    fn input_gradient(&self, saved: SavedTensors, grad: Tensor) -> Result<Tensor> {
        let shape_of = |grad: &Tensor| grad.dims().iter().take(2).chain(&self.image).copied().collect::<Vec<_>>();
        if !matches!(self.config, PoolConfig::Max(_)) {
            return pool::average_gradient(&grad, &shape_of(&grad), self.window);
        }
        let [places] = saved.take()?;
        // The places of an input that was constant in time have one step.
        let grad = if places.dim(0)? < grad.dim(0)? { sum_over_time(&grad)? } else { grad };
        pool::max_gradient(&grad, &places, &shape_of(&grad), self.window)
    }

    fn spreads(&self, grad: &Tensor) -> Option<Window> {
        let window = self.config.spread_window(self.image.as_slice().try_into().ok()?);
        // On the CPU it costs more to spread it for every neuron than once.
        window.filter(|_| !grad.device().is_cpu())
    }

    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        map_sequence(x, |x| match self.config {
            PoolConfig::Max(_) => Ok(pool::max(x, self.window)?.0),
            _ => pool::average(x, self.window),
        })
    }
}
