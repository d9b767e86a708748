//! Early stopping: training ends when nothing better has come for a while.

use super::TrainingConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Training ends when the top-1 accuracy on the validation images has not been above its highest for so many evaluated
/// epochs. Whether it has is a function of the epochs done and the best of them, so that a resumed run ends where an
/// undisturbed one does. Without `data.validation` it is refused: stopping by the test images would choose by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlyStoppingConfig {
    /// Evaluated epochs without a better one.
    #[schemars(range(min = 1))]
    pub patience: usize,
}

impl TrainingConfig {
    /// Why training ends after `epoch` epochs of which `best` is the best, as a sentence without its end; nothing where
    /// it goes on, and after the last epoch.
    pub fn early_end(&self, epoch: usize, best: Option<usize>) -> Option<String> {
        let (patience, best, epochs) = (self.early_stopping?.patience, best?, self.epochs);
        let evaluated = |epochs: usize| epochs.checked_div(self.evaluate_every).unwrap_or_default();
        let since = evaluated(epoch).saturating_sub(evaluated(best));
        (epoch < epochs && since >= patience).then(|| {
            format!(
                "stopped early after epoch {epoch} of {epochs}: no top-1 on the validation images above that of epoch {best} in \
                 {patience} evaluated epochs"
            )
        })
    }

    /// Whether nothing is left to train after `epoch` epochs of which `best` is the best.
    pub fn is_trained(&self, epoch: usize, best: Option<usize>) -> bool {
        epoch >= self.epochs || self.early_end(epoch, best).is_some()
    }

    /// A patience that no run has.
    pub(super) fn patience_warning(&self) -> Option<(String, String)> {
        let EarlyStoppingConfig { patience } = self.early_stopping?;
        let evaluated = self.epochs.checked_div(self.evaluate_every).unwrap_or_default();
        (patience >= evaluated).then(|| {
            let told = format!(
                "expected fewer than the {evaluated} epochs that are evaluated before the end, found {patience}: training never stops \
                 early. Be less patient, evaluate more often or train longer."
            );
            ("training.early_stopping.patience".into(), told)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::experiment::tests::parse;

    /// Epochs after which training ends, for the best epoch so far after each.
    fn ends(patience: usize, every: usize, best_after: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        let patience = format!("training.early_stopping.patience={patience}");
        let every = format!("training.evaluate_every={every}");
        let values = ["data.validation.share=0.1", "training.epochs=20", &patience, &every];
        let training = parse(&values).unwrap().experiment.training;
        (0..20).find(|&epoch| training.early_end(epoch, best_after(epoch)).is_some())
    }

    #[test]
    fn training_ends_as_many_evaluated_epochs_after_the_best_as_the_patience_says() {
        let best_at = |best: usize| move |epoch: usize| (epoch >= best).then_some(best);
        assert_eq!(ends(3, 1, best_at(1)), Some(4));
        assert_eq!(ends(3, 1, best_at(5)), Some(8));
        assert_eq!(ends(2, 3, best_at(6)), Some(12));
        // Not after the last epoch, and not where it gets better in time.
        assert_eq!(ends(3, 1, best_at(17)), None);
        assert_eq!(ends(2, 1, |epoch| epoch.checked_sub(epoch % 2)), None);
        assert_eq!(ends(1, 1, |_| None), None);
    }

    #[test]
    fn stopping_by_the_test_images_is_refused_and_a_patience_without_effect_warned_of() {
        let told = parse(&["training.early_stopping.patience=2"]).err().expect("a mistake").to_string();
        assert_eq!(
            told.lines().next().unwrap(),
            "command line: training.early_stopping: stopping by the test images would choose by them: hold training images out with \
             data.validation = { share = 0.1 }, or leave it out"
        );
        let warned = parse(&["training.early_stopping.patience=4", "data.validation.share=0.1"]).unwrap();
        assert_eq!(
            warned.experiment.warnings(),
            [
                "training.early_stopping.patience: expected fewer than the 4 epochs that are evaluated before the end, found 4: \
                 training never stops early. Be less patient, evaluate more often or train longer."
            ]
        );
    }
}
