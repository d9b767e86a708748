//! Cases: batch norms, alone and fused with LIF.

use super::neurons;
use super::{Checks, SEQUENCES, TYPES, currents, rounded, values};
use crate::ops::batch_norm::{self, Gradients, Groups, Normalization, Over, Statistics};
use crate::ops::lif::{self, InputFactor, LifConfig, Neurons, SpikeGradient, SpikeStorage};
use crate::ops::norm_lif;
use candle_core::{DType, Result};

pub fn check(checks: &mut Checks<'_>) -> Result<()> {
    // Many rows too, so that there are several chunks; many channels; so many groups that their sums share no memory.
    let more: [(&[usize], bool); 4] =
        [(&[2, 40, 8, 16, 16], false), (&[2, 3, 2100], false), (&[16, 2, 300, 2, 1], false), (&[900, 2, 3], false)];
    for (shape, constant) in SEQUENCES {
        for over in [Over::Sequence, Over::Prefix] {
            for (dtype, within) in TYPES {
                shared(checks, over, (shape, constant), (dtype, within))?;
            }
        }
    }
    for (shape, constant) in SEQUENCES.into_iter().chain(more) {
        for groups in [shape[0], 1] {
            for (dtype, within) in TYPES {
                let case = format!("{shape:?}{}, {groups} groups", if constant { " constant" } else { "" });
                one(checks, &case, (shape, constant, groups), (dtype, within))?;
            }
        }
    }
    Ok(())
}

fn one(
    checks: &mut Checks<'_>,
    case: &str,
    (shape, constant, groups): (&[usize], bool, usize),
    (dtype, within): (DType, f32),
) -> Result<()> {
    let neurons = Neurons::from(LifConfig { leak: 0.9.into(), ..LifConfig::default() });
    let (mut x, mut exact) = currents(shape, constant, 1, dtype)?;
    if dtype == DType::F32 && !constant {
        // A mean that is large against the deviation, where sums of squares lose their digits.
        (x, exact) = ((x + 30.0)?, (exact + 30.0)?);
    }
    let g = Groups::from_tensor(&exact, groups)?;
    let (x, tensor, exact_lying) = (checks.sent(&x)?, checks.sent(&x.contiguous()?)?, exact.contiguous()?);

    let with = batch_norm::statistics(&exact_lying, groups)?;
    let found = batch_norm::cuda::statistics(checks.gpu, &tensor, &g)?;
    // A mean is a sum of values that may nearly cancel: right to the last digits of what was added.
    let size = (with.mean.abs()? + with.variance.sqrt()?)?;
    checks.close_each("batch norm mean", case, 1e-6, &with.mean, &found.mean, &size)?;
    checks.close("batch norm variance", case, 1e-4, &with.variance, &found.variance)?;

    let running =
        Statistics { mean: values(&[groups, shape[2]], 8)?, variance: (values(&[groups, shape[2]], 9)? + 2.0)? };
    let sent = |of: &Statistics| {
        Ok::<_, candle_core::Error>(Statistics { mean: checks.sent(&of.mean)?, variance: checks.sent(&of.variance)? })
    };
    let (there, batch) = (sent(&running)?, sent(&with)?);
    let [keep, share] = [1.0 - 0.1, 0.1];
    let unbiased = share * g.count() as f64 / (g.count() as f64 - 1.0).max(1.0);
    let expected = batch_norm::follow(&running, &with, share, g.count())?;
    let found = batch_norm::cuda::follow(checks.gpu, &there, &batch, [keep, share, unbiased])?;
    checks.same("running mean", case, &expected.mean, &found.mean)?;
    checks.same("running variance", case, &expected.variance, &found.variance)?;

    let scale = (values(&[groups, shape[2]], 3)? + 2.0)?;
    let shift = (groups == 1).then(|| values(&[shape[2]], 4)).transpose()?;
    let there = Normalization {
        with: Statistics { mean: checks.sent(&with.mean)?, variance: checks.sent(&with.variance)? },
        scale: checks.sent(&scale)?,
        shift: shift.as_ref().map(|shift| checks.sent(shift)).transpose()?,
        eps: 1e-4,
        over: Over::Group,
    };
    let norm = Normalization { with, scale, shift, eps: 1e-4, over: Over::Group };
    let y = batch_norm::normalize(&exact_lying, &norm)?;
    checks.close(
        "batch norm",
        case,
        within * 4.0,
        &y,
        &batch_norm::cuda::normalize(checks.gpu, &tensor, &there, &g)?,
    )?;

    let grad = values(shape, 5)?;
    let (exact_grad, grad) = (rounded(&grad, dtype)?, checks.sent(&grad.to_dtype(dtype)?)?);
    compare(
        checks,
        ("batch norm gradient", case, within),
        &batch_norm::gradients(&exact_lying, &exact_grad, &norm)?,
        &batch_norm::cuda::gradients(checks.gpu, &tensor, &grad, &there, &g)?,
    )?;

    let spikes = norm_lif::forward(&exact, &norm, &neurons, SpikeStorage::Bytes)?;
    for storage in [SpikeStorage::Bytes, SpikeStorage::Floats] {
        let found = norm_lif::cuda::forward(checks.gpu, &x, &there, &neurons, storage, &g)?;
        checks.same("norm and lif spikes", case, &spikes.spikes, &found.spikes)?;
        checks.same("norm and lif spikes counted", case, &spikes.count, &found.count)?;
    }
    for other in [DType::F32, DType::BF16].into_iter().filter(|&other| other != dtype) {
        let (exact_grad, grad) = (rounded(&values(shape, 6)?, other)?, values(shape, 6)?.to_dtype(other)?);
        let grad = checks.sent(&grad)?;
        compare(
            checks,
            ("norm and lif gradient", &format!("{case}, spikes' gradient in {other:?}"), within),
            &norm_lif::gradients(&exact, &exact_grad, &norm, &neurons)?.norm,
            &norm_lif::cuda::gradients(checks.gpu, &x, &(&grad).into(), &there, &neurons, &g)?.norm,
        )?;
    }
    if let &[t, b, channels, height, width] = shape {
        // Windows that divide the image.
        let divisor = |side: usize| (2..=side).find(|&divisor| side.is_multiple_of(divisor)).unwrap_or(1);
        let window = (divisor(height), divisor(width));
        let means = values(&[t, b, channels, height / window.0, width / window.1], 7)?;
        let (exact_means, means) = (rounded(&means, dtype)?, checks.sent(&means.to_dtype(dtype)?)?);
        let case = format!("{case}, of means over {window:?}");
        compare(
            checks,
            ("norm and lif gradient", &case, within),
            &norm_lif::gradients(&exact, SpikeGradient::of_means(&exact_means, window), &norm, &neurons)?.norm,
            &norm_lif::cuda::gradients(checks.gpu, &x, &SpikeGradient::of_means(&means, window), &there, &neurons, &g)?
                .norm,
        )?;
        let expected = lif::gradients(&exact, SpikeGradient::of_means(&exact_means, window), &neurons)?.currents;
        let found = lif::cuda::gradients(checks.gpu, &x, &SpikeGradient::of_means(&means, window), &neurons)?.currents;
        checks.close("lif gradient of means", &case, within, &expected, &found)?;
    }
    checks.twice("norm and lif gradient", case, |gpu| {
        Ok(norm_lif::cuda::gradients(gpu, &x, &(&grad).into(), &there, &neurons, &g)?.norm.scale)
    })?;
    compare(
        checks,
        ("norm and lif gradient", case, within),
        &norm_lif::gradients(&exact, &exact_grad, &norm, &neurons)?.norm,
        &norm_lif::cuda::gradients(checks.gpu, &x, &(&grad).into(), &there, &neurons, &g)?.norm,
    )?;

    // Neurons that learn, with all that their norm learns.
    let config = LifConfig { leak: 0.9.into(), input: InputFactor::OneMinusLeak, ..LifConfig::default() };
    for neurons in neurons::learning(&config, shape[2])? {
        let learned = neurons::sent(checks, &neurons)?;
        let expected = norm_lif::forward(&exact, &norm, &neurons, SpikeStorage::Bytes)?;
        let found = norm_lif::cuda::forward(checks.gpu, &x, &there, &learned, SpikeStorage::Bytes, &g)?;
        checks.same("norm and learned neurons' spikes", case, &expected.spikes, &found.spikes)?;
        let expected = norm_lif::gradients(&exact, &exact_grad, &norm, &neurons)?;
        let found = norm_lif::cuda::gradients(checks.gpu, &x, &(&grad).into(), &there, &learned, &g)?;
        compare(checks, ("norm and learned neurons", case, within), &expected.norm, &found.norm)?;
        let about = ("norm and learned neurons", case, within);
        neurons::compare_learned(checks, about, &expected.learned, &found.learned)?;
    }
    Ok(())
}

/// A group a time-step, whose statistics are over more than it, with a shift of its own.
fn shared(
    checks: &mut Checks<'_>,
    over: Over,
    (shape, constant): (&[usize], bool),
    (dtype, within): (DType, f32),
) -> Result<()> {
    let case = format!("{shape:?}{}, over {over:?}", if constant { " constant" } else { "" });
    let neurons = Neurons::from(LifConfig { leak: 0.9.into(), ..LifConfig::default() });
    let (groups, table) = (shape[0], [shape[0], shape[2]]);
    let (x, exact) = currents(shape, constant, 1, dtype)?;
    let g = Groups::from_tensor(&exact, groups)?;
    let each = batch_norm::statistics(&exact.contiguous()?, groups)?;
    let sent = |of: &Statistics| {
        Ok::<_, candle_core::Error>(Statistics { mean: checks.sent(&of.mean)?, variance: checks.sent(&of.variance)? })
    };
    let there = sent(&each)?;
    let with = match over {
        Over::Sequence => batch_norm::statistics(&exact.contiguous()?, 1)?.repeated(groups)?,
        _ => batch_norm::accumulated(&each)?,
    };
    let accumulated = batch_norm::accumulated(&each)?;
    let found = batch_norm::cuda::accumulated(checks.gpu, &there)?;
    let with_there = sent(&with)?;
    checks.close("accumulated mean", &case, 1e-5, &accumulated.mean, &found.mean)?;
    checks.close("accumulated variance", &case, 1e-5, &accumulated.variance, &found.variance)?;

    let (scale, shift) = ((values(&table, 3)? + 2.0)?, values(&table, 4)?);
    let (x, scale_there, shift_there) = (checks.sent(&x)?, checks.sent(&scale)?, Some(checks.sent(&shift)?));
    let there = Normalization { with: with_there, over, scale: scale_there, shift: shift_there, eps: 1e-4 };
    let norm = Normalization { with, over, scale, shift: Some(shift), eps: 1e-4 };
    let grad = values(shape, 5)?;
    let (exact_grad, grad) = (rounded(&grad, dtype)?, checks.sent(&grad.to_dtype(dtype)?)?);
    compare(
        checks,
        ("norm over more steps and lif gradient", &case, within),
        &norm_lif::gradients(&exact, &exact_grad, &norm, &neurons)?.norm,
        &norm_lif::cuda::gradients(checks.gpu, &x, &(&grad).into(), &there, &neurons, &g)?.norm,
    )
}

fn compare(
    checks: &mut Checks<'_>,
    (op, case, within): (&str, &str, f32),
    expected: &Gradients,
    found: &Gradients,
) -> Result<()> {
    checks.close(op, &format!("{case}, input"), within * 8.0, &expected.input, &found.input)?;
    checks.close(op, &format!("{case}, scale"), within * 8.0, &expected.scale, &found.scale)?;
    match (&expected.shift, &found.shift) {
        (Some(expected), Some(found)) => checks.close(op, &format!("{case}, shift"), within * 8.0, expected, found),
        (None, None) => Ok(()),
        _ => candle_core::bail!("{op}, {case}: a shift on one side alone"),
    }
}
