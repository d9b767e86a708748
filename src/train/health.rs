//! Warnings about dead and saturated layers.

/// A layer that fires less passes nothing on.
const SILENT: f64 = 1e-3;
/// A layer that fires more tells nothing apart.
const SATURATED: f64 = 0.9;

const HARDLY: &str = "hardly fires";
const ALWAYS: &str = "fires almost always";

/// A sentence for every layer whose firing rate (spikes per neuron and time-step over an epoch) leaves it useless.
pub fn warnings(firing_rates: &[(String, f64)]) -> Vec<String> {
    let warning = |(layer, rate): &(String, f64)| {
        let percent = 100.0 * rate;
        if *rate < SILENT {
            let advice = "a lower threshold, a leak closer to 1 or larger initial weights would let it fire";
            Some(format!("{layer} {HARDLY}: {percent:.3} % of its neurons and time-steps, less than 0.1 %; {advice}"))
        } else if *rate > SATURATED {
            let advice = "a higher threshold or smaller weights would let it tell inputs apart";
            Some(format!("{layer} {ALWAYS}: {percent:.1} % of its neurons and time-steps, more than 90 %; {advice}"))
        } else {
            None
        }
    };
    firing_rates.iter().filter_map(warning).collect()
}

/// Warnings of a run as `epoch 3: ` and a sentence each, for those who watch many runs: those of one epoch and kind
/// together, without advice. What is no such warning stays as it is.
pub fn in_short(warnings: &[String]) -> Vec<String> {
    // Epoch, what the layers do, what is said of it, layers.
    let mut together: Vec<(&str, &str, &str, Vec<&str>)> = Vec::new();
    let mut others = Vec::new();
    for warning in warnings {
        let parts = [HARDLY, ALWAYS].into_iter().find_map(|does| {
            let (before, of_what) = warning.split_once(does)?;
            let (epoch, layer) = before.trim_end().rsplit_once(": ")?;
            Some((epoch, does, of_what.split(';').next()?, layer))
        });
        let Some((epoch, does, of_what, layer)) = parts else {
            others.push(warning.clone());
            continue;
        };
        match together.iter_mut().find(|(of, other, ..)| *of == epoch && *other == does) {
            Some((.., layers)) => layers.push(layer),
            None => together.push((epoch, does, of_what, vec![layer])),
        }
    }
    let sentence = |(epoch, does, of_what, layers): (&str, &str, &str, Vec<&str>)| {
        let (verb, least) =
            if does == HARDLY { ("hardly fire", "less than 0.1 %") } else { ("fire almost always", "more than 90 %") };
        match layers.as_slice() {
            [layer] => format!("{epoch}: {layer} {does}{of_what}"),
            [first @ .., last] if layers.len() <= 4 => {
                format!("{epoch}: {} and {last} {verb}: {least}", first.join(", "))
            }
            _ => format!(
                "{epoch}: {} and {} other layers {verb}: {least}",
                layers.iter().take(2).copied().collect::<Vec<_>>().join(", "),
                layers.len() - 2
            ),
        }
    };
    together.into_iter().map(sentence).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_that_are_silent_or_saturated_are_named_and_no_others() {
        let rates = [("layers.2.lif", 0.0), ("layers.5.lif", 0.001), ("layers.8.lif", 0.9), ("layers.9.lif", 0.91)];
        let rates = rates.map(|(layer, rate)| (layer.to_string(), rate));
        let found = warnings(&rates);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("layers.2.lif hardly fires: 0.000 %"), "{found:?}");
        assert!(found[1].starts_with("layers.9.lif fires almost always: 91.0 %"), "{found:?}");
    }

    #[test]
    fn layers_of_one_epoch_are_told_together() {
        let rates = |count: usize, rate: f64| (0..count).map(|i| (format!("layers.{i}.lif"), rate)).collect::<Vec<_>>();
        let of_epoch = |epoch: usize, rates: &[(String, f64)]| {
            warnings(rates).into_iter().map(|warning| format!("epoch {epoch}: {warning}")).collect::<Vec<_>>()
        };
        let short = |warnings: &[Vec<String>]| in_short(&warnings.concat());
        assert_eq!(
            short(&[of_epoch(1, &rates(1, 0.0)), of_epoch(1, &rates(3, 1.0)), of_epoch(2, &rates(5, 0.0))]),
            [
                "epoch 1: layers.0.lif hardly fires: 0.000 % of its neurons and time-steps, less than 0.1 %",
                "epoch 1: layers.0.lif, layers.1.lif and layers.2.lif fire almost always: more than 90 %",
                "epoch 2: layers.0.lif, layers.1.lif and 3 other layers hardly fire: less than 0.1 %",
            ]
        );
        let other = "training.threads: of no use".to_string();
        assert_eq!(in_short(std::slice::from_ref(&other)), [other]);
    }
}
