//! What a cell shows of its runs: `measure = "energy.ratio"`.

use crate::analysis::attack::read_share;
use crate::config::settings::suggestion;
use schemars::JsonSchema;
use serde::Deserialize;

/// A number of a run, by its name.
///
/// Those of training are in every run's metrics; the others are what a command left in the run's folder
/// ([`crate::run::analyses`]).
///
/// | name | number | from |
/// |---|---|---|
/// | `top1`, `best_top1` | accuracy in percent after the last and of the best epoch | training |
/// | `loss`, `firing_rate`, `seconds` | test loss and spikes per neuron and time-step of the last epoch; time of all epochs | training |
/// | `eval.top1`, `eval.top5`, `eval.loss` | on the test images | `bntt eval` |
/// | `energy.ratio`, `energy.ratio_counted`, `energy.ratio_with_memory` | energy of the ANN over that of the SNN: by the papers' formula, by counted operations, with memory traffic | `bntt energy` |
/// | `energy.formula`, `energy.counted`, `energy.with_memory`, `energy.ann`, `energy.ann_with_memory` | microjoule an image | `bntt energy` |
/// | `energy.spikes_per_neuron` | R, the mean over the layers that have neurons | `bntt energy` |
/// | `early_exit.accuracy`, `early_exit.time_steps` | with the exit that gamma tells | `bntt early-exit` |
/// | `early_exit.accuracy@0.9`, `early_exit.time_steps@0.9` | each image stopping at this confidence | `bntt early-exit` |
/// | `attack.clean`, `attack.fgsm@8/255`, `attack.pgd@8/255`, `attack.gaussian@0.1`, `attack.salt_and_pepper@0.05` | accuracy in percent | `bntt attack` |
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Measure(String);

/// Names without an `@`, the command that finds them, which way is better (`>`, `<`, or neither), digits behind the
/// point.
const KNOWN: [(&str, &str, char, usize); 24] = [
    ("top1", "", '>', 2),
    ("best_top1", "", '>', 2),
    ("loss", "", '<', 4),
    ("firing_rate", "", '-', 4),
    ("seconds", "", '<', 0),
    ("eval.top1", "eval", '>', 2),
    ("eval.top5", "eval", '>', 2),
    ("eval.loss", "eval", '<', 4),
    ("energy.ratio", "energy", '>', 2),
    ("energy.ratio_counted", "energy", '>', 2),
    ("energy.ratio_with_memory", "energy", '>', 2),
    ("energy.formula", "energy", '<', 3),
    ("energy.counted", "energy", '<', 3),
    ("energy.with_memory", "energy", '<', 3),
    ("energy.ann", "energy", '<', 3),
    ("energy.ann_with_memory", "energy", '<', 3),
    ("energy.spikes_per_neuron", "energy", '-', 3),
    ("early_exit.accuracy", "early-exit", '>', 2),
    ("early_exit.time_steps", "early-exit", '<', 2),
    ("attack.clean", "attack", '>', 2),
    ("attack.fgsm", "attack", '>', 2),
    ("attack.pgd", "attack", '>', 2),
    ("attack.gaussian", "attack", '>', 2),
    ("attack.salt_and_pepper", "attack", '>', 2),
];

/// Names that have an `@`, must have one, or have none.
const STRENGTHS: [&str; 4] = ["attack.fgsm", "attack.pgd", "attack.gaussian", "attack.salt_and_pepper"];
const CONFIDENCES: [&str; 2] = ["early_exit.accuracy", "early_exit.time_steps"];

/// Which of two means is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Higher,
    Lower,
    Neither,
}

impl Measure {
    /// What a table without measures compares.
    pub fn top1() -> Self {
        Self("top1".into())
    }

    pub fn name(&self) -> &str {
        &self.0
    }

    fn known(&self) -> (&'static str, char, usize) {
        let name = self.0.split('@').next().unwrap_or_default();
        let found = KNOWN.iter().find(|(known, ..)| *known == name);
        found.map_or(("", '-', 2), |&(_, command, better, digits)| (command, better, digits))
    }

    /// The command that finds it; `None` of training.
    pub fn command(&self) -> Option<&'static str> {
        Some(self.known().0).filter(|command| !command.is_empty())
    }

    pub fn better(&self) -> Better {
        match self.known().1 {
            '>' => Better::Higher,
            '<' => Better::Lower,
            _ => Better::Neither,
        }
    }

    /// Digits behind the point.
    pub fn digits(&self) -> usize {
        self.known().2
    }

    /// Whether it lies between 0 and 100.
    pub fn is_percent(&self) -> bool {
        let name = self.name();
        ["top1", "best_top1", "eval.top1", "eval.top5"].contains(&name)
            || name.starts_with("attack.")
            || name.starts_with("early_exit.accuracy")
    }
}

impl TryFrom<String> for Measure {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // As compare's column is headed.
        let text = if text == "final_top1" { "top1".into() } else { text };
        let (name, strength) = text.split_once('@').map_or((text.as_str(), None), |(name, at)| (name, Some(at)));
        let known = KNOWN.iter().map(|(name, ..)| *name);
        if !known.clone().any(|known| known == name) {
            let meant = suggestion(name, known.clone());
            let names = known.collect::<Vec<_>>().join(", ");
            return Err(format!("measure: expected one of {names}, found {text:?}.{meant}"));
        }
        let takes = STRENGTHS.contains(&name) || CONFIDENCES.contains(&name);
        match strength {
            None if STRENGTHS.contains(&name) => Err(format!(
                "measure: expected how strong it is, as in \"{name}@8/255\" or \"{name}@0.1\", found {text:?}"
            )),
            Some(_) if !takes => Err(format!("measure: expected {name:?} without an @, found {text:?}")),
            Some(at) if read_share(at).is_none() => {
                Err(format!("measure: expected a share such as 8/255 or 0.1 behind the @, found {text:?}"))
            }
            _ => Ok(Self(text)),
        }
    }
}

/// Whether two names say the same: `attack.fgsm@8/255` and `attack.fgsm@0.031372549` do.
pub fn same(a: &str, b: &str) -> bool {
    let parts = |name: &str| name.split_once('@').map(|(name, at)| (name.to_string(), read_share(at)));
    match (parts(a), parts(b)) {
        (Some((a, Some(x))), Some((b, Some(y)))) => a == b && (x - y).abs() < 1e-6,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(text: &str) -> Result<Measure, String> {
        Measure::try_from(text.to_string())
    }

    #[test]
    fn names_are_checked_and_wrong_ones_are_told_the_nearest() {
        assert_eq!(measure("final_top1"), Ok(Measure::top1()));
        for right in ["top1", "energy.ratio", "early_exit.accuracy", "early_exit.time_steps@0.9", "attack.fgsm@8/255"] {
            assert_eq!(measure(right).map(|measure| measure.name().to_string()), Ok(right.to_string()));
        }
        for (wrong, said) in [
            ("energy.ration", "Did you mean `energy.ratio`?"),
            ("attack.fgsm", "as in \"attack.fgsm@8/255\""),
            ("attack.pgd@2", "expected a share such as 8/255 or 0.1 behind the @"),
            ("loss@0.1", "expected \"loss\" without an @"),
        ] {
            let problem = measure(wrong).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }

    #[test]
    fn a_strength_may_be_written_in_two_ways() {
        assert!(same("attack.fgsm@8/255", "attack.fgsm@0.03137254901960784"));
        assert!(!same("attack.fgsm@8/255", "attack.pgd@8/255") && !same("attack.fgsm@8/255", "attack.fgsm@4/255"));
        assert!(same("energy.ratio", "energy.ratio") && !same("energy.ratio", "energy.counted"));
    }

    #[test]
    fn who_finds_a_measure_and_which_way_is_better_is_known() {
        let of = |name: &str| measure(name).map(|measure| (measure.command(), measure.better(), measure.digits()));
        assert_eq!(of("loss"), Ok((None, Better::Lower, 4)));
        assert_eq!(of("attack.gaussian@0.1"), Ok((Some("attack"), Better::Higher, 2)));
        assert_eq!(of("firing_rate"), Ok((None, Better::Neither, 4)));
    }
}
