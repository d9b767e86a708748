//! Warnings about settings of an experiment that cannot take effect.

use super::Experiment;
use crate::layers::{LayerConfig, LayerPlan};
use crate::network::NetworkPlan;

impl Experiment {
    /// Settings that cannot do what they say, in sentences that begin with the key; the experiment can be run all the
    /// same.
    pub fn warnings(&self) -> Vec<String> {
        let Self { schedule, training, .. } = self;
        let of_schedule =
            schedule.warnings(training.epochs).into_iter().map(|(key, told)| (format!("schedule.{key}"), told));
        let all = of_schedule.chain(training.warnings()).chain(self.early_exit_warning()).chain(self.draws_warning());
        all.chain(self.pool_warnings()).map(|(key, told)| format!("{key}: {told}")).collect()
    }

    fn early_exit_warning(&self) -> Option<(String, String)> {
        let has_bntt = self.network.has(|layer| matches!(layer, LayerConfig::Bntt(_)));
        let told = self.training.early_exit?.warning(self.network.time_steps, has_bntt)?;
        Some(("training.early_exit".into(), told))
    }

    /// Of every pool whose windows do not reach all pixels.
    fn pool_warnings(&self) -> Vec<(String, String)> {
        let Ok(shape) = self.data.dataset.spec().shape(self.network.time_steps) else { return Vec::new() };
        let plan = NetworkPlan::new(&self.network, &shape, self.training.precision);
        plan.map_or(Vec::new(), |plan| dropping_pools(&self.network.layers, &plan.layers, "network.layers"))
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

/// The pools of the list at `key`, and of the lists in it, that drop pixels.
fn dropping_pools(layers: &[LayerConfig], plans: &[LayerPlan], key: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (index, (layer, plan)) in layers.iter().zip(plans).enumerate() {
        let key = format!("{key}[{index}]");
        if let LayerConfig::Pool(pool) = layer
            && let Ok(image @ [_, height, width]) = plan.input.image()
            && pool.dropped(image) != [0, 0]
        {
            found.push((
                format!("{key}.pool"),
                format!(
                    "of {height} x {width} pixels {} dropped, the last: its windows \
                do not divide them. Choose windows that do, or pad the convolution before it.",
                    lines(pool.dropped(image))
                ),
            ));
        }
        for ((side, list), plans) in layer.spec().lists().into_iter().zip(&plan.lists) {
            let side = if side == "residual" { "layers" } else { side };
            found.extend(dropping_pools(list, plans, &format!("{key}.residual.{side}")));
        }
    }
    found
}

/// `1 row and 2 columns are`.
fn lines([rows, columns]: [usize; 2]) -> String {
    let counted = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        count => Some(format!("{count} {word}s")),
    };
    let told: Vec<String> = [counted(rows, "row"), counted(columns, "column")].into_iter().flatten().collect();
    format!("{} {}", told.join(" and "), if rows.saturating_add(columns) == 1 { "is" } else { "are" })
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
    fn pools_that_drop_pixels_are_warned_of_with_their_places() {
        // 8 x 8 pixels: windows of 3 reach 6, and those of 2 all.
        let layers = |first: &str, second: &str| {
            format!(
                "network.layers=[{{ residual = {{ layers = [{{ conv = {{ channels = 1 }} }}, 'bntt', 'lif', {first}], shortcut = [{first}] }} }}, \
                 {second}, 'flatten', {{ linear = {{ features = 'classes' }} }}]"
            )
        };
        assert_eq!(warnings(&[&layers("{ pool = { average = 2 } }", "{ pool = { average = 4 } }")]), [""; 0]);
        assert_eq!(warnings(&[&layers("{ pool = { average = 1 } }", "{ pool = 'global_average' }")]), [""; 0]);
        let told = warnings(&[&layers("{ pool = { average = 3 } }", "{ pool = { max = 2 } }")]);
        let of = "of 8 x 8 pixels 2 rows and 2 columns are dropped, the last: its windows do not divide them. Choose windows that \
                  do, or pad the convolution before it.";
        assert_eq!(
            told,
            [
                format!("network.layers[0].residual.layers[3].pool: {of}"),
                format!("network.layers[0].residual.shortcut[0].pool: {of}")
            ]
        );
        let told = warnings(&[&layers("{ pool = { average = 1 } }", "{ pool = { max = 7 } }")]);
        assert!(
            told.len() == 1 && told[0].starts_with("network.layers[1].pool: of 8 x 8 pixels 1 row and 1 column are"),
            "{told:?}"
        );
        assert_eq!(super::lines([0, 1]), "1 column is");
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
