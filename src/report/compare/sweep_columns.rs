//! What runs are in their sweeps, as columns of a comparison: the variant, and axes that are no key of a config, such
//! as `network.norm`. What a column explains has none of its own.

use super::ComparedRun;
use crate::config::settings::{self, Difference};
use std::collections::BTreeSet;
use toml::Value;

/// The column of variants.
pub const VARIANT: &str = "variant";

/// Puts the columns in which the runs differ before the keys, and takes those out that they explain.
///
/// A column explains a key where runs that have the same in the column have the same at the key, what the column sets
/// reaches the key, and no other axis tells it as well. All runs have to be of one sweep.
pub fn explain(differences: Vec<Difference>, runs: &[ComparedRun]) -> Vec<Difference> {
    let axes: Vec<Difference> = axes(runs).into_iter().filter(varies).collect();
    let is_key = |axis: &Difference| {
        runs.iter().filter_map(|run| run.config.as_ref()).any(|c| settings::get(c, &axis.key).is_some())
    };
    let shown: Vec<&Difference> = axes.iter().filter(|axis| !is_key(axis)).collect();
    let explains = |axis: &Difference, difference: &Difference| {
        reaches(axis, difference, runs)
            && decides(axis, difference, runs)
            && !axes.iter().any(|other| other.key != axis.key && decides(other, difference, runs))
    };
    let is_explained =
        |difference: &Difference| are_of_one_sweep(runs) && shown.iter().any(|axis| explains(axis, difference));
    let rest = differences.into_iter().filter(|difference| !is_explained(difference));
    shown.iter().map(|&axis| axis.clone()).chain(rest).collect()
}

/// The variant and every axis of the runs' sweeps, with what each run has there.
fn axes(runs: &[ComparedRun]) -> Vec<Difference> {
    let memberships = || runs.iter().filter_map(|run| run.sweep.as_ref());
    let keys: BTreeSet<&String> = memberships().flat_map(|sweep| sweep.settings.keys()).collect();
    let values = |key: &str| runs.iter().map(|run| run.axis(key)).collect();
    let variant = Difference { key: VARIANT.into(), values: values(VARIANT) };
    let others = keys.into_iter().map(|key| Difference { key: key.clone(), values: values(key) });
    std::iter::once(variant).chain(others).collect()
}

fn varies(axis: &Difference) -> bool {
    axis.values.windows(2).any(|pair| matches!(pair, [a, b] if a != b))
}

fn are_of_one_sweep(runs: &[ComparedRun]) -> bool {
    let name = |run: &ComparedRun| run.sweep.as_ref().map(|sweep| sweep.name.clone());
    let mut readable = runs.iter().filter(|run| run.config.is_some());
    let first = readable.next().and_then(name);
    first.is_some() && readable.all(|run| name(run) == first)
}

/// Whether runs that are alike on the axis are alike at the key.
fn decides(axis: &Difference, difference: &Difference, runs: &[ComparedRun]) -> bool {
    let pairs = axis.values.iter().zip(&difference.values).zip(runs);
    let pairs: Vec<_> = pairs.filter(|(_, run)| run.config.is_some()).map(|(pair, _)| pair).collect();
    pairs
        .iter()
        .enumerate()
        .all(|(i, (on_axis, value))| pairs.iter().take(i).all(|(other, before)| other != on_axis || before == value))
}

/// Whether what the axis sets can show at the key: a norm shows in the layers, another base file anywhere but in the
/// seed.
fn reaches(axis: &Difference, difference: &Difference, runs: &[ComparedRun]) -> bool {
    let section = |key: &str| key.split(['.', '[']).next().unwrap_or_default().to_string();
    let of_key = section(&difference.key);
    let reaches = |set: &str| of_key != "seed" && (set == "base" || section(set) == of_key);
    match axis.key.as_str() {
        VARIANT => {
            let mut set = runs.iter().filter_map(|run| run.sweep.as_ref()).flat_map(|sweep| &sweep.variant_keys);
            set.any(|key| reaches(key))
        }
        key => reaches(key),
    }
}

impl ComparedRun {
    /// What the run has on an axis of its sweep.
    fn axis(&self, key: &str) -> Option<Value> {
        let sweep = self.sweep.as_ref()?;
        match key {
            VARIANT => sweep.variant.clone().map(Value::String),
            key => sweep.settings.get(key).map(|text| settings::parse(text)),
        }
    }

    /// The value at a key of its config, or on an axis of its sweep.
    pub fn value(&self, key: &str) -> Option<Value> {
        let of_config = self.config.as_ref().and_then(|config| settings::get(config, key)).cloned();
        of_config.or_else(|| self.axis(key))
    }

    /// The keys that [`ComparedRun::value`] knows.
    pub fn keys(&self) -> Vec<String> {
        let of_config = self.config.as_ref().map(settings::keys).unwrap_or_default();
        let Some(sweep) = &self.sweep else { return of_config };
        let variant = sweep.variant.as_ref().map(|_| VARIANT.to_string());
        of_config.into_iter().chain(variant).chain(sweep.settings.keys().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::differences;
    use crate::run::provenance::SweepMembership;
    use toml::Table;

    const KEYS: [&str; 2] = ["network.norm", "optimizer.sgd.lr"];

    fn run(sweep: &str, variant: &str, axes: &[(&str, &str)], config: &str) -> ComparedRun {
        let membership = SweepMembership {
            name: sweep.into(),
            variant: (!variant.is_empty()).then(|| variant.into()),
            variant_keys: if variant.is_empty() { vec![] } else { KEYS.map(String::from).to_vec() },
            settings: axes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        };
        ComparedRun {
            run: "a/v0001".into(),
            path: None,
            state: "completed",
            problem: None,
            config: config.parse().ok(),
            results: None,
            sweep: Some(membership),
        }
    }

    fn columns(runs: &[ComparedRun]) -> Vec<String> {
        let configs: Vec<Option<&Table>> = runs.iter().map(|run| run.config.as_ref()).collect();
        explain(differences(&configs), runs).into_iter().map(|difference| difference.key).collect()
    }

    fn config(norm: &str, lr: f64, steps: usize, seed: usize) -> String {
        format!(
            "seed = {seed}\n[network]\ntime_steps = {steps}\nlayers = ['conv', '{norm}', 'lif']\n[optimizer]\nsgd = {{ lr = {lr} }}\n\
             [training]\nepochs = 3"
        )
    }

    fn at_steps(variant: &str, steps: &str, config: &str) -> ComparedRun {
        run("norms", variant, &[("network.time_steps", steps)], config)
    }

    #[test]
    fn a_variant_stands_for_what_it_sets_and_axes_and_seeds_for_themselves() {
        let bntt = |steps: usize, seed| at_steps("BNTT", &steps.to_string(), &config("bntt", 0.1, steps, seed));
        let none = |steps: usize, seed| at_steps("no norm", &steps.to_string(), &config("none", 0.03, steps, seed));
        let expected = ["variant", "seed", "network.time_steps"];
        assert_eq!(columns(&[bntt(5, 0), bntt(10, 1), none(5, 0), none(10, 1)]), expected);
        // What goes with T as well as with the variant is T's.
        assert_eq!(columns(&[bntt(5, 0), none(10, 0)])[..2], ["variant", "network.time_steps"]);
        assert_eq!(columns(&[bntt(5, 0), none(5, 0)]), ["variant"]);
        assert_eq!(columns(&[bntt(5, 0), bntt(5, 1)]), ["seed"]);
    }

    #[test]
    fn what_no_variant_sets_is_shown_and_so_is_all_that_differs_between_sweeps() {
        let bntt = at_steps("BNTT", "5", &config("bntt", 0.1, 5, 0));
        let longer = at_steps("no norm", "5", &config("none", 0.1, 5, 0).replace("epochs = 3", "epochs = 9"));
        assert_eq!(columns(&[bntt.clone(), longer]), ["variant", "training.epochs"]);
        let twice = at_steps("BNTT", "5", &config("bntt", 0.2, 5, 0));
        assert_eq!(
            columns(&[bntt.clone(), twice.clone(), at_steps("x", "5", &config("tab", 0.1, 5, 0))]),
            ["variant", "optimizer.sgd.lr"]
        );
        let other = run("others", "no norm", &[], &config("none", 0.1, 5, 0));
        assert_eq!(columns(&[bntt.clone(), other]), ["variant", "network.layers[1]"]);
        let alone = ComparedRun { sweep: None, ..at_steps("", "5", &config("none", 0.1, 5, 0)) };
        assert_eq!(columns(&[bntt, alone]), ["variant", "network.layers[1]"]);
    }

    #[test]
    fn an_axis_that_is_no_key_of_a_config_is_a_column() {
        let of = |norm: &str| run("norms", "", &[("network.norm", norm)], &config(norm, 0.1, 5, 0));
        let runs = [of("bntt"), of("tab")];
        assert_eq!(columns(&runs), ["network.norm"]);
        assert_eq!(runs[0].value("network.norm"), Some(Value::String("bntt".into())));
        assert_eq!(runs[0].value("variant"), None);
        assert!(runs[0].keys().contains(&"network.norm".to_string()));
    }
}
