//! Warnings about dead and saturated layers.

/// A layer that fires less passes nothing on.
const SILENT: f64 = 1e-3;
/// A layer that fires more tells nothing apart.
const SATURATED: f64 = 0.9;

/// A sentence for every layer whose firing rate (spikes per neuron and time-step over an epoch) leaves it useless.
pub fn warnings(firing_rates: &[(String, f64)]) -> Vec<String> {
    let warning = |(layer, rate): &(String, f64)| {
        let percent = 100.0 * rate;
        if *rate < SILENT {
            let advice = "a lower threshold, a leak closer to 1 or larger initial weights would let it fire";
            Some(format!(
                "{layer} hardly fires: {percent:.3} % of its neurons and time-steps, less than 0.1 %; {advice}"
            ))
        } else if *rate > SATURATED {
            let advice = "a higher threshold or smaller weights would let it tell inputs apart";
            Some(format!(
                "{layer} fires almost always: {percent:.1} % of its neurons and time-steps, more than 90 %; {advice}"
            ))
        } else {
            None
        }
    };
    firing_rates.iter().filter_map(warning).collect()
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
}
