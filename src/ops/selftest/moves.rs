//! Cases: cross-entropy, gradient norms, optimizer updates.

use super::{Checks, values};
use crate::ops::cross_entropy;
use crate::ops::squared_error::{self, OtherLoss, Target};
use crate::ops::update::{self, Adam, ParameterUpdate, Sgd, StepGuard};
use candle_core::{DType, Device, Result, Tensor};

pub fn check(checks: &mut Checks<'_>) -> Result<()> {
    let labels = Tensor::new(&[3u32, 0, 11, 5, 2], &Device::Cpu)?;
    let logits = (values(&[5, 12], 1)? * 5.0)?;
    let (sent, sent_labels) = (checks.sent(&logits)?, checks.sent(&labels)?);
    for smoothing in [0.0, 0.1] {
        let case = format!("smoothing {smoothing}");
        let (score, gradient) = cross_entropy::score_and_gradient(&logits, &labels, smoothing)?;
        let (found, found_gradient) = cross_entropy::cuda::rows(checks.gpu, &sent, &sent_labels, smoothing, true)?;
        checks.close("loss", &case, 1e-6, &score, &found)?;
        if let Some(found) = found_gradient {
            checks.close("loss gradient", &case, 1e-6, &gradient, &found)?;
        }
    }
    errors(checks, &logits, &labels)?;
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let case = format!("a logit is {value}");
        let wrong = Tensor::full(value, (1, 12), &Device::Cpu)?;
        let logits = Tensor::cat(&[&logits.narrow(0, 0, 4)?, &wrong], 0)?;
        let score = cross_entropy::score(&logits, &labels, 0.0)?;
        let (found, _) = cross_entropy::cuda::rows(checks.gpu, &checks.sent(&logits)?, &sent_labels, 0.0, false)?;
        checks.same("counts beside what is not finite", &case, &score.narrow(0, 1, 3)?, &found.narrow(0, 1, 3)?)?;
        // A number equals itself, NaN does not.
        let is_number = |loss: &Tensor| loss.narrow(0, 0, 1)?.eq(&loss.narrow(0, 0, 1)?);
        checks.same("loss of what is not finite", &case, &is_number(&score)?, &is_number(&found)?)?;
    }
    // One past the last class, and what would be negative.
    for label in [12, u32::MAX] {
        let labels = checks.sent(&Tensor::new(&[3u32, 0, label, 5, 2], &Device::Cpu)?)?;
        let (found, _) = cross_entropy::cuda::rows(checks.gpu, &sent, &labels, 0.0, true)?;
        let refused = u8::from(cross_entropy::BatchScore::read(&found).is_err());
        let (yes, found) = (Tensor::new(&[1u8], &Device::Cpu)?, Tensor::new(&[refused], &Device::Cpu)?);
        checks.same("label that is no class refused", &format!("label {label} of 12"), &yes, &found)?;
    }
    for (clip, loss) in [(None, 1.0), (Some(3.0), 1.0), (Some(1e9), 1.0), (None, f64::NAN)] {
        for moments in 0..3 {
            moves(checks, clip, loss, moments)?;
        }
    }
    Ok(())
}

/// Squared errors, alone and beside another loss.
fn errors(checks: &mut Checks<'_>, logits: &Tensor, labels: &Tensor) -> Result<()> {
    let (score, gradient) = cross_entropy::score_and_gradient(logits, labels, 0.0)?;
    let (sent, sent_labels) = (checks.sent(logits)?, checks.sent(labels)?);
    let (sent_score, sent_gradient) = (checks.sent(&score)?, checks.sent(&gradient)?);
    let other = OtherLoss { score: &score, rows: 5, gradient: &gradient, share: 0.9 };
    let sent_other = OtherLoss { score: &sent_score, rows: 5, gradient: &sent_gradient, share: 0.9 };
    for (beside, there) in [(None, None), (Some(&other), Some(&sent_other))] {
        let case = if beside.is_some() { "beside another loss" } else { "alone" };
        for (target, sent_target) in
            [(Target::Labels(labels), Target::Labels(&sent_labels)), (Target::Number(0.7), Target::Number(0.7))]
        {
            let (loss, expected) = squared_error::with_other(logits, target, 0.3, beside, &score)?;
            let (found_loss, found) =
                squared_error::cuda::with_other(checks.gpu, &sent, sent_target, 0.3, there, &sent_score)?;
            checks.close("squared error", case, 1e-6, &loss, &found_loss)?;
            checks.close("squared error gradient", case, 1e-6, &expected, &found)?;
        }
    }
    Ok(())
}

/// Parameters, their gradients and moments.
struct OptimizerState {
    gradients: Vec<Tensor>,
    weights: Vec<Tensor>,
    moments: Vec<Vec<Tensor>>,
}

impl OptimizerState {
    /// More parameters than a launch takes, one of several blocks, where `place` puts them.
    fn new(moments: usize, place: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let sizes: Vec<usize> = (0..70).map(|i| if i == 3 { 9001 } else { 5 + i }).collect();
        let tensors = |number: usize| {
            sizes
                .iter()
                .enumerate()
                .map(|(i, &size)| values(&[size], 100 * number + i))
                .collect::<Result<Vec<Tensor>>>()
        };
        let placed = |tensors: Vec<Tensor>| {
            // A tensor of its own even where it stays on its device: moves are in place.
            tensors.iter().map(|tensor| place(&tensor.copy()?)).collect::<Result<Vec<_>>>()
        };
        let mut of_each = Vec::new();
        for first in tensors(3)? {
            let second = first.abs()?;
            of_each.push(placed([first, second].into_iter().take(moments).collect())?);
        }
        Ok(Self { gradients: placed(tensors(1)?)?, weights: placed(tensors(2)?)?, moments: of_each })
    }

    fn items(&self) -> Vec<ParameterUpdate<'_>> {
        let both = self.weights.iter().zip(&self.moments).zip(&self.gradients);
        both.map(|((w, moments), gradient)| ParameterUpdate { w, gradient, moments }).collect()
    }
}

fn moves(checks: &mut Checks<'_>, clip: Option<f64>, loss: f64, moments: usize) -> Result<()> {
    let case = format!("{moments} moments, clip {clip:?}, loss {loss}");
    let (here, there) =
        (OptimizerState::new(moments, |x| Ok(x.clone()))?, OptimizerState::new(moments, |x| checks.sent(x))?);
    let (ours, theirs) = (here.items(), there.items());
    let score = Tensor::new(&[loss, 0.0, 0.0, 1.0], &Device::Cpu)?;
    let halted = Tensor::zeros(1, DType::F32, &Device::Cpu)?;
    let (norm, found) = (update::gradient_norm(&ours)?, update::cuda::gradient_norm(checks.gpu, &theirs)?);
    checks.close("gradient norm", &case, 1e-7, &norm, &found)?;
    let (sent_score, sent_halted) = (checks.sent(&score)?, checks.sent(&halted.copy()?)?);
    let granted = update::cuda::step_guard(checks.gpu, &sent_score, &found, clip, sent_halted)?;
    let step_guard = StepGuard::new(&score, &norm, clip, halted)?;
    checks.same("permission to move", &case, &step_guard.halted, &granted.halted)?;
    let op = if moments < 2 {
        let step = Sgd { rate: 0.1, momentum: 0.9, weight_decay: 1e-2 };
        update::sgd(&ours, &step, &step_guard)?;
        update::cuda::sgd(checks.gpu, &theirs, &step, &granted)?;
        "sgd"
    } else {
        let step = Adam { betas: [0.9, 0.99], weight_decay: 0.1, keep: 0.9, rate: 0.1, root_scale: 0.7, eps: 1e-3 };
        update::adam(&ours, &step, &step_guard)?;
        update::cuda::adam(checks.gpu, &theirs, &step, &granted)?;
        "adam"
    };
    for (ours, theirs) in ours.iter().zip(&theirs) {
        checks.close(op, &case, 1e-6, ours.w, theirs.w)?;
        for (ours, theirs) in ours.moments.iter().zip(theirs.moments) {
            checks.close(op, &case, 1e-6, ours, theirs)?;
        }
    }
    Ok(())
}
