//! Warnings about settings of an experiment that cannot take effect.

use super::Experiment;
use crate::layers::LayerConfig;

impl Experiment {
    /// Settings that cannot do what they say, in sentences that begin with the key; the experiment can be run all the
    /// same.
    pub fn warnings(&self) -> Vec<String> {
        let Self { schedule, training, .. } = self;
        let of_schedule =
            schedule.warnings(training.epochs).into_iter().map(|(key, told)| (format!("schedule.{key}"), told));
        let all = of_schedule.chain(training.warnings()).chain(self.early_exit_warning()).chain(self.draws_warning());
        all.map(|(key, told)| format!("{key}: {told}")).collect()
    }

    fn early_exit_warning(&self) -> Option<(String, String)> {
        let has_bntt = self.network.has(|layer| matches!(layer, LayerConfig::Bntt(_)));
        let told = self.training.early_exit?.warning(self.network.time_steps, has_bntt)?;
        Some(("training.early_exit".into(), told))
    }

    fn draws_warning(&self) -> Option<(String, String)> {
        let (draws, encoder) = (self.training.evaluation_draws, self.network.encoder);
        (draws > 1 && !encoder.spec().is_random()).then(|| {
            let told = format!(
                "expected 1 with the encoder {:?}, whose draws are all the same, found {draws}: evaluating takes {draws} times as long \
                 and gives no more. Leave it out.",
                encoder.kind().name()
            );
            ("training.evaluation_draws".into(), told)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::experiment::tests::parse;

    fn warnings(overrides: &[&str]) -> Vec<String> {
        parse(overrides).unwrap().experiment.warnings()
    }

    #[test]
    fn what_cannot_happen_is_warned_of_with_its_key() {
        assert_eq!(warnings(&[]), [""; 0]);
        // 0.5 of 4 epochs is after the third, 0.7 and 0.9 are as the fourth ends.
        let told = warnings(&["schedule={ milestones = {} }", "training.evaluate_every=5", "training.early_exit={}"]);
        assert_eq!(told.len(), 3, "{told:?}");
        for (told, at) in told.iter().zip(["at[1]: 0.7", "at[2]: 0.9"]) {
            assert!(
                told.starts_with(&format!("schedule.milestones.{at} of the 4 epochs that the schedule has")),
                "{told}"
            );
        }
        assert_eq!(
            told[2],
            "training.evaluate_every: expected at most the 4 epochs of training, found 5: the test images are seen after the last \
             epoch alone, which is `best` then. Evaluate more often, or train longer."
        );
        for (overrides, expected) in [
            (
                ["schedule={ warmup = { epochs = 4 } }", "seed=1"],
                "schedule.warmup.epochs: expected fewer than the 4 epochs",
            ),
            (
                ["training.early_exit={}", "network.layers[2]=batch_norm"],
                "training.early_exit: the exit is told by the gammas of \"bntt\" layers",
            ),
            (["training.early_exit={}", "network.time_steps=1"], "training.early_exit: network.time_steps is 1"),
            (
                ["training.evaluation_draws=3", "network.encoder=direct"],
                "training.evaluation_draws: expected 1 with the encoder \"direct\", whose draws are all the same, found 3: evaluating \
                 takes 3 times as long and gives no more. Leave it out.",
            ),
        ] {
            let told = warnings(&overrides);
            assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?}");
        }
    }

    #[test]
    fn what_can_happen_is_not_warned_of() {
        let overrides = ["training.early_exit={}", "training.evaluate_every=4", "training.evaluation_draws=3"];
        assert_eq!(warnings(&overrides), [""; 0]);
        assert_eq!(warnings(&["schedule={ milestones = { at = [0, 0.5] } }"]), [""; 0]);
        assert_eq!(
            warnings(&["schedule={ warmup = { epochs = 1, then = { milestones = { at = [0.4] } } } }"]),
            [""; 0]
        );
    }
}
