//! Refuses what cannot fit into memory, and explains out-of-memory errors of a GPU.

use crate::error::{Error, Result};
use crate::experiment::CheckedExperiment;
use crate::network::evaluated_together;
use crate::ops::device;
use crate::terminal::amounts::bytes;
use candle_core::Device;
use tracing::debug;

/// An error of `work` on a GPU whose memory ran out, as what was predicted and what would fit; any other error as it
/// is.
pub fn with_memory_explained<T>(
    device: &Device,
    checked: &CheckedExperiment,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    work().map_err(|error| match (&error, device::memory(device)) {
        (Error::Tensor(cause), Ok(Some((_, total)))) if cause.to_string().contains("OUT_OF_MEMORY") => {
            Error::Device(format!("{} ran out of memory: {}", device::name(device), what_fits(checked, total)))
        }
        _ => error,
    })
}

/// Refuses a training step whose predicted memory is more than there is, unless the user insists.
///
/// # Errors
/// [`Error::Device`] that says what would fit.
pub fn refuse_what_does_not_fit(checked: &CheckedExperiment, device: &Device, insist: bool) -> Result<()> {
    let memory = there_is(device)?;
    let predicted = checked.peak_bytes(checked.plan.time_steps, checked.experiment.data.batch_size);
    if let (Some(memory), Some(predicted)) = (memory, predicted) {
        debug!(
            "memory: {} predicted for a training step besides the data set, {} there",
            bytes(predicted),
            bytes(memory)
        );
    }
    match (memory, predicted) {
        (Some(memory), Some(predicted)) if predicted > memory && !insist => Err(Error::Device(format!(
            "{}: {}; --insist trains all the same",
            device::name(device),
            what_fits(checked, memory)
        ))),
        _ => Ok(()),
    }
}

/// Refuses an evaluation of batches of at most `images` images that cannot fit, whatever else it takes.
///
/// # Errors
/// [`Error::Device`] that says what is to be made smaller.
pub fn refuse_evaluation_that_cannot_fit(
    checked: &CheckedExperiment,
    device: &Device,
    images: usize,
    time_steps: usize,
) -> Result<()> {
    let CheckedExperiment { experiment, plan, .. } = checked;
    let together = evaluated_together(plan, device, experiment.data.batch_size.min(images));
    let what = format!("evaluating {together} images together over {time_steps} time-steps takes at least");
    refuse(plan.evaluation_bytes(time_steps, together), &what, device)
}

/// Refuses gradients by the images, of batches of at most `images`, whose predicted memory is more than there is.
///
/// # Errors
/// [`Error::Device`] that says what is to be made smaller.
pub fn refuse_gradients_that_do_not_fit(checked: &CheckedExperiment, device: &Device, images: usize) -> Result<()> {
    let CheckedExperiment { experiment, plan, .. } = checked;
    let (together, time_steps) = (experiment.data.batch_size.min(images).max(1), plan.time_steps);
    let what = format!("a gradient by {together} images over {time_steps} time-steps is predicted to take");
    refuse(plan.peak_bytes(together, 0), &what, device)
}

fn refuse(needed: usize, what: &str, device: &Device) -> Result<()> {
    match there_is(device)? {
        Some(memory) if needed > memory => Err(Error::Device(format!(
            "{}: there are {} of memory, and {what} {} besides the data set: make data.batch_size, the time-steps or the network smaller",
            device::name(device),
            bytes(memory),
            bytes(needed)
        ))),
        _ => Ok(()),
    }
}

/// Bytes of a GPU's memory, or those that this process could still take. `None` where nothing tells.
fn there_is(device: &Device) -> Result<Option<usize>> {
    Ok(match device::memory(device)? {
        Some((_, total)) => Some(total),
        None => crate::system::memory::available().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
    })
}

/// What a training step was predicted to take, and by how much less of batch or time-steps it would fit into `memory`
/// bytes.
fn what_fits(checked: &CheckedExperiment, memory: usize) -> String {
    let (time_steps, batch) = (checked.plan.time_steps, checked.experiment.data.batch_size);
    let predicted = |time_steps, batch| checked.peak_bytes(time_steps, batch).unwrap_or(usize::MAX);
    // What the prediction leaves out, kernels and workspaces, has a tenth for itself.
    let room = (memory / 10).saturating_mul(9);
    let halves = |n: usize| std::iter::successors(Some(n / 2), |n| Some(n / 2)).take_while(|&n| n > 0);
    let smaller = halves(batch).find(|&batch| predicted(time_steps, batch) <= room);
    let shorter = halves(time_steps).find(|&time_steps| predicted(time_steps, batch) <= room);
    let mut ways = Vec::new();
    ways.extend(smaller.map(|batch| format!("data.batch_size={batch} ({})", bytes(predicted(time_steps, batch)))));
    ways.extend(shorter.map(|steps| format!("network.time_steps={steps} ({})", bytes(predicted(steps, batch)))));
    let advice = match ways.is_empty() {
        true => "no smaller batch alone would fit; make the network smaller".to_string(),
        false => format!("{} would fit", ways.join(" or ")),
    };
    format!(
        "there are {} of memory, and a training step of {time_steps} time-steps with batches of {batch} is predicted to take {} besides the data set; \
         {advice}",
        bytes(memory),
        bytes(predicted(time_steps, batch))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Experiment;

    const NETWORK: &str = "name = 'a'\ndata = { dataset = 'digits', batch_size = 64 }\noptimizer = { sgd = { lr = 0.1 } }\n\
                           training = { epochs = 1 }\n[network]\ntime_steps = 16\nencoder = 'poisson'\n\
                           layers = ['flatten', { linear = { features = 1000 } }, 'lif', { linear = { features = 'classes' } }]";

    #[test]
    fn a_memory_too_small_is_told_with_what_would_fit() {
        let checked = Experiment::parse(NETWORK, "a.toml", &[]).expect("an experiment");
        let whole = checked.peak_bytes(16, 64).expect("a prediction");
        let half = checked.peak_bytes(16, 32).expect("a prediction");
        // Nine tenths of it hold the half, but not the whole.
        let text = what_fits(&checked, half / 9 * 10 + 20);
        assert!(text.contains("data.batch_size=32 (") && text.contains("network.time_steps=8 ("), "{text}");
        assert!(half < whole && text.contains("16 time-steps with batches of 64"), "{text}");
        let text = what_fits(&checked, 1000);
        assert!(text.ends_with("make the network smaller"), "{text}");
    }

    #[test]
    fn more_memory_than_any_machine_has_is_refused_before_it_is_asked_for() {
        let checked =
            |overrides: &str| Experiment::parse(NETWORK, "a.toml", &[overrides.into()]).expect("an experiment");
        assert!(refuse_what_does_not_fit(&checked("seed=0"), &Device::Cpu, false).is_ok());
        // 2^30 time-steps of 64 images of 1,000 currents each: 256 TiB.
        let long = checked("network.time_steps=1073741824");
        assert!(refuse_what_does_not_fit(&long, &Device::Cpu, true).is_ok(), "the user insists");
        let refused = refuse_what_does_not_fit(&long, &Device::Cpu, false);
        let text = refused.expect_err("too much").to_string();
        assert!(
            text.starts_with("cpu: there are ") && text.contains("would fit") && text.contains("--insist"),
            "{text}"
        );
    }

    #[test]
    fn an_evaluation_or_a_gradient_that_no_memory_holds_is_refused() {
        let checked = |steps: &str| {
            let steps = format!("network.time_steps={steps}");
            Experiment::parse(NETWORK, "a.toml", &[steps]).expect("an experiment")
        };
        let fine = checked("16");
        assert!(refuse_evaluation_that_cannot_fit(&fine, &Device::Cpu, 100, 16).is_ok());
        assert!(refuse_gradients_that_do_not_fit(&fine, &Device::Cpu, 100).is_ok());
        // Weights of 74,000 floats besides; the widest layer takes 64 pixels as bytes and gives 1,000 floats a
        // time-step, or takes these and gives as many bytes.
        assert_eq!(fine.plan.evaluation_bytes(10, 3), 74_000 * 4 + 10 * 3 * 5000);
        // 2^30 time-steps of one image: 5 TB. The first few alone fit.
        let long = checked("1073741824");
        assert!(refuse_evaluation_that_cannot_fit(&long, &Device::Cpu, 100, 16).is_ok());
        let refused = refuse_evaluation_that_cannot_fit(&long, &Device::Cpu, 100, 1 << 30).expect_err("too much");
        let text = refused.to_string();
        assert!(
            text.contains("evaluating 1 images together over 1073741824 time-steps takes at least 4.9 TiB"),
            "{text}"
        );
        let text = refuse_gradients_that_do_not_fit(&long, &Device::Cpu, 100).expect_err("too much").to_string();
        assert!(text.contains("a gradient by 64 images over 1073741824 time-steps is predicted to take"), "{text}");
    }
}
