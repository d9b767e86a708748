//! Cases: LIF layers.

use super::{Checks, SEQUENCES, TYPES, currents, rounded, values};
use crate::ops::lif::{
    self, ArcTangent, FastSigmoid, InputFactor, LifConfig, Neurons, Rectangle, Reset, SpikeStorage, Surrogate,
};
use candle_core::{DType, Device, Result, Tensor};

/// Every way to take currents in, to reset and to let gradients through.
fn configs() -> [LifConfig; 7] {
    let usual = LifConfig::default();
    let convex = LifConfig {
        leak: 0.5.into(),
        input: InputFactor::OneMinusLeak,
        reset: Reset::Hard,
        surrogate: Surrogate::Atan(ArcTangent { alpha: 2.0 }),
        ..usual
    };
    let older = LifConfig {
        leak: 0.9.into(),
        threshold: 0.7.into(),
        fire_before_integrate: true,
        surrogate: Surrogate::Rectangle(Rectangle { width: 1.5 }),
        ..usual
    };
    [
        LifConfig { detach_reset: false, ..convex.clone() },
        LifConfig { detach_reset: false, ..older.clone() },
        LifConfig { detach_reset: false, ..usual },
        LifConfig { leak: 0.95.into(), ..usual },
        convex,
        older,
        LifConfig {
            leak: 0.8.into(),
            reset: Reset::None,
            surrogate: Surrogate::FastSigmoid(FastSigmoid { slope: 4.0 }),
            ..usual
        },
    ]
}

/// Neurons of `channels` channels by `config` that learn: leak and threshold, one of them, for the layer or for every
/// channel.
pub(super) fn learning(config: &LifConfig, channels: usize) -> Result<[Neurons; 3]> {
    let leaks = ((values(&[channels], 11)? * 0.2)? + 0.7)?;
    let thresholds = ((values(&[channels], 12)? * 0.3)? + 1.0)?;
    let [leak, threshold] = [0.83f32, 0.9].map(|value| Tensor::new(&[value], &Device::Cpu));
    let of = |leak, threshold| Neurons { config: config.clone(), leak, threshold };
    Ok([of(Some(leak?), Some(thresholds)), of(Some(leaks), None), of(None, Some(threshold?))])
}

/// The same neurons where the GPU computes.
pub(super) fn sent(checks: &Checks<'_>, neurons: &Neurons) -> Result<Neurons> {
    let sent = |value: &Option<Tensor>| value.as_ref().map(|value| checks.sent(value)).transpose();
    let (leak, threshold) = (sent(&neurons.leak)?, sent(&neurons.threshold)?);
    Ok(Neurons { config: neurons.config.clone(), leak, threshold })
}

/// Gradients of what is learned; a sum over many neurons may nearly cancel.
pub(super) fn compare_learned(
    checks: &mut Checks<'_>,
    (op, case, within): (&str, &str, f32),
    expected: &lif::LearnedGradients,
    found: &lif::LearnedGradients,
) -> Result<()> {
    let pairs = [("leak", &expected.leak, &found.leak), ("threshold", &expected.threshold, &found.threshold)];
    for (name, expected, found) in pairs {
        match (expected, found) {
            (Some(expected), Some(found)) => {
                checks.close(op, &format!("{case}, by {name}"), within * 64.0, expected, found)?;
            }
            (None, None) => {}
            _ => candle_core::bail!("{op}, {case}: {name} learned on one side alone"),
        }
    }
    Ok(())
}

pub fn check(checks: &mut Checks<'_>) -> Result<()> {
    for (dtype, within) in TYPES {
        for (shape, constant) in SEQUENCES {
            for config in configs() {
                let fixed = Neurons::from(config.clone());
                for neurons in [fixed].into_iter().chain(learning(&config, shape[2])?) {
                    one(checks, (shape, constant), &neurons, (dtype, within))?;
                }
            }
        }
    }
    Ok(())
}

fn one(
    checks: &mut Checks<'_>,
    (shape, constant): (&[usize], bool),
    neurons: &Neurons,
    (dtype, within): (DType, f32),
) -> Result<()> {
    let there = sent(checks, neurons)?;
    let sizes = [&neurons.leak, &neurons.threshold].map(|value| value.as_ref().map_or(0, Tensor::elem_count));
    let case = format!("{shape:?}{} {:?} learns {sizes:?}", if constant { " constant" } else { "" }, neurons.config);
    let (x, exact) = currents(shape, constant, 1, dtype)?;
    let x = checks.sent(&x)?;
    let expected = lif::forward(&exact, neurons, SpikeStorage::Bytes)?;
    for storage in [SpikeStorage::Bytes, SpikeStorage::Floats] {
        let found = lif::cuda::forward(checks.gpu, &x, &there, storage)?;
        checks.same("lif spikes", &case, &expected.spikes, &found.spikes)?;
        checks.same("lif spikes counted", &case, &expected.count, &found.count)?;
    }
    let grad = values(shape, 2)?;
    // Either side of the neurons may be stored as the other is not.
    for grad_dtype in [DType::F32, DType::BF16] {
        let expected = lif::gradients(&exact, &rounded(&grad, grad_dtype)?, neurons)?;
        let grad = checks.sent(&grad.to_dtype(grad_dtype)?)?;
        let found = checks
            .twice("lif gradient", &case, |gpu| Ok(lif::cuda::gradients(gpu, &x, &(&grad).into(), &there)?.currents))?;
        checks.close("lif gradient", &case, within, &expected.currents, &found)?;
        let found = lif::cuda::gradients(checks.gpu, &x, &(&grad).into(), &there)?;
        compare_learned(checks, ("learned neurons", &case, within), &expected.learned, &found.learned)?;
    }
    Ok(())
}
