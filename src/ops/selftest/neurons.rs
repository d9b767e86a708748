//! Cases: LIF layers.

use super::{Checks, SEQUENCES, TYPES, currents, rounded, values};
use crate::ops::lif::LifConfig;
use crate::ops::lif::{self, ArcTangent, FastSigmoid, InputFactor, Rectangle, Reset, SpikeStorage, Surrogate};
use candle_core::{DType, Result};

/// Every way to take currents in, to reset and to let gradients through.
fn configs() -> [LifConfig; 4] {
    let usual = LifConfig::default();
    [
        LifConfig { leak: 0.95, ..usual },
        LifConfig {
            leak: 0.5,
            input: InputFactor::OneMinusLeak,
            reset: Reset::Hard,
            surrogate: Surrogate::Atan(ArcTangent { alpha: 2.0 }),
            ..usual
        },
        LifConfig {
            leak: 0.9,
            threshold: 0.7,
            fire_before_integrate: true,
            surrogate: Surrogate::Rectangle(Rectangle { width: 1.5 }),
            ..usual
        },
        LifConfig {
            leak: 0.8,
            reset: Reset::None,
            surrogate: Surrogate::FastSigmoid(FastSigmoid { slope: 4.0 }),
            ..usual
        },
    ]
}

pub fn check(checks: &mut Checks<'_>) -> Result<()> {
    for (dtype, within) in TYPES {
        for (shape, constant) in SEQUENCES {
            for config in configs() {
                let case = format!("{shape:?}{} {config:?}", if constant { " constant" } else { "" });
                let (x, exact) = currents(shape, constant, 1, dtype)?;
                let x = checks.sent(&x)?;
                let expected = lif::forward(&exact, &config, SpikeStorage::Bytes)?;
                for storage in [SpikeStorage::Bytes, SpikeStorage::Floats] {
                    let found = lif::cuda::forward(checks.gpu, &x, &config, storage)?;
                    checks.same("lif spikes", &case, &expected.spikes, &found.spikes)?;
                    checks.same("lif spikes counted", &case, &expected.count, &found.count)?;
                }
                let grad = values(shape, 2)?;
                // Either side of the neurons may be stored as the other is not.
                for grad_dtype in [DType::F32, DType::BF16] {
                    let expected = lif::gradient(&exact, &rounded(&grad, grad_dtype)?, &config)?;
                    let grad = checks.sent(&grad.to_dtype(grad_dtype)?)?;
                    let found = checks
                        .twice("lif gradient", &case, |gpu| lif::cuda::gradient(gpu, &x, &(&grad).into(), &config))?;
                    checks.close("lif gradient", &case, within, &expected, &found)?;
                }
            }
        }
    }
    Ok(())
}
