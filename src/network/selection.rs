//! Part of a network's tensors by name: which are taken from a file, which layers are frozen.

use super::Network;
use super::state::to_single_precision;
use crate::config::settings::suggestion;
use crate::error::{Error, Result};
use crate::files::weights;
use crate::layers::Parameter;
use candle_core::Device;
use std::collections::BTreeMap;
use std::path::Path;

/// Whether `name` is `prefix` or lies below it: `layers.1.gamma` does below `layers.1`, `layers.10.gamma` does not.
fn is_below(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The first of `prefixes` that none of `names` lies below, as a mistake at `key` with the nearest name.
fn unknown<'a>(key: &str, prefixes: &[String], names: &[&'a str]) -> Option<Error> {
    let lone = |prefix: &&String| !names.iter().any(|name| is_below(name, prefix));
    let (place, prefix) = prefixes.iter().enumerate().find(|(_, prefix)| lone(prefix))?;
    // Layers and tensors: what a name begins with up to each of its points.
    let mut known: Vec<&'a str> = names.iter().flat_map(|name| beginnings(name)).collect();
    known.sort_unstable();
    known.dedup();
    let near = suggestion(prefix, known.iter().copied());
    let mut layers: Vec<&str> = known.into_iter().filter(|name| name.matches('.').count() == 1).collect();
    // 10 after 9.
    layers.sort_by_key(|name| name.rsplit('.').next().and_then(|number| number.parse::<usize>().ok()));
    Some(Error::Weights(format!(
        "{key}[{place}]: nothing that is learned is called {prefix:?} or lies below it.{near} The layers are {}.",
        layers.join(", ")
    )))
}

fn beginnings(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').filter_map(|(at, _)| name.get(..at)).chain([name])
}

impl Network {
    /// Replaces the tensors that lie below one of `only` (all, when absent) and below none of `except` by those of a
    /// safetensors file; the others stay. What the file has besides is not looked at.
    ///
    /// # Errors
    /// [`Error::Weights`] or [`Error::Io`] for a name that is no tensor's, and when what is taken is missing in the
    /// file, of another shape or not finite; nothing is changed then.
    pub fn load_some(&mut self, path: &Path, only: Option<&[String]>, except: &[String]) -> Result<()> {
        let shapes = self.state_shapes();
        let names: Vec<&str> = shapes.keys().map(String::as_str).collect();
        let mistake = unknown("only", only.unwrap_or_default(), &names).or_else(|| unknown("except", except, &names));
        if let Some(mistake) = mistake {
            return Err(mistake);
        }
        let is_taken = |name: &str| {
            let below = |prefixes: &[String]| prefixes.iter().any(|prefix| is_below(name, prefix));
            only.is_none_or(below) && !below(except)
        };
        let wanted: BTreeMap<String, Vec<usize>> = shapes.into_iter().filter(|(name, _)| is_taken(name)).collect();
        if wanted.is_empty() {
            let problem =
                "only and except leave no tensor to take: name fewer in except, or leave initial_weights out.";
            return Err(Error::Weights(problem.into()));
        }
        let mut tensors = weights::load_tensors(path, &Device::Cpu)?;
        tensors.retain(|name, _| wanted.contains_key(name));
        weights::matching(&wanted, &tensors, path).map_err(|problem| match problem {
            Error::Weights(problem) => Error::Weights(format!("{problem} What does not fit can be named in except.")),
            other => other,
        })?;
        to_single_precision(&mut tensors, path)?;
        let mut state = self.state();
        state.extend(tensors);
        self.load_state(&state)
    }

    /// Freezes the layers of these names and below them: in training they compute what they do in evaluation, and their
    /// parameters have no gradient.
    ///
    /// # Errors
    /// [`Error::Weights`] for a name that is no layer's, and where no layer that learns is left.
    pub fn freeze(&mut self, names: &[String]) -> Result<()> {
        let layers: Vec<String> = self.layers.learning();
        let known: Vec<&str> = layers.iter().map(String::as_str).collect();
        if let Some(mistake) = unknown("freeze", names, &known) {
            return Err(mistake);
        }
        self.layers.freeze(&|layer| names.iter().any(|name| is_below(layer, name)));
        match self.trained_parameters().is_empty() {
            false => Ok(()),
            true => {
                Err(Error::Weights("freeze: every layer that learns is frozen, and nothing is left to train.".into()))
            }
        }
    }

    /// Learned tensors of layers that are not frozen, as [`Network::parameters`] has them.
    pub fn trained_parameters(&self) -> Vec<(String, &Parameter)> {
        self.layers.trained_parameters()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_what_lies_below_it_and_for_no_other_that_begins_so() {
        for (name, prefix, expected) in [
            ("layers.1.gamma", "layers.1", true),
            ("layers.10.gamma", "layers.1", false),
            ("layers.1.gamma", "layers.1.gamma", true),
            ("layers.3.residual.0.weight", "layers.3", true),
            ("layers.3.residual.0.weight", "layers.3.residual", true),
            ("layers.3.residual.0.weight", "layers.3.res", false),
            ("layers.1", "layers.1.gamma", false),
        ] {
            assert_eq!(is_below(name, prefix), expected, "{name} {prefix}");
        }
        assert_eq!(beginnings("layers.1.gamma").collect::<Vec<_>>(), ["layers", "layers.1", "layers.1.gamma"]);
    }
}
