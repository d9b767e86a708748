//! The confusion matrix of a network on the test images.

use crate::data::Batches;
use crate::error::{Error, Result};
use crate::network::Network;
use crate::ops::finite;
use crate::train::evaluate::{EvaluationOptions, logits};

/// Images by label and predicted class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// [label][predicted class].
    pub counts: Vec<Vec<u64>>,
    /// What the classes are called, where they have names.
    pub names: Option<Vec<String>>,
}

impl Confusion {
    /// Predicts every image of `batches`, with as much effort as is asked for.
    ///
    /// # Errors
    /// [`Error::Data`] for a label that the network has no class for; what reading data and computing can give.
    pub fn measure(network: &Network, batches: &Batches<'_>, options: EvaluationOptions) -> Result<Self> {
        let classes = network.plan().classes;
        let mut counts = vec![vec![0u64; classes]; classes];
        for batch in batches.iter_from(0) {
            let batch = batch?;
            let (logits, _) = logits(network, &batch, options)?;
            finite::check_logits(&logits)?;
            let predicted = logits.argmax(1)?.to_vec1::<u32>()?;
            for (label, class) in batch.labels.to_vec1::<u32>()?.into_iter().zip(predicted) {
                let cell = counts.get_mut(label as usize).and_then(|row| row.get_mut(class as usize));
                let cell = cell.ok_or_else(|| {
                    Error::Data(format!("a test image has the label {label}, and the network has {classes} classes."))
                })?;
                *cell = cell.saturating_add(1);
            }
        }
        Ok(Self { counts, names: None })
    }

    pub fn images(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Accuracy in percent; 0 of no images.
    pub fn top1_percent(&self) -> f64 {
        let right: u64 = self.counts.iter().enumerate().filter_map(|(label, row)| row.get(label)).sum();
        100.0 * right as f64 / self.images().max(1) as f64
    }
}
