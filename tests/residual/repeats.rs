//! Repeats are the layers that they stand for.

use super::{Result, currents, planned};
use bntt::experiment::Experiment;

fn parsed(layers: &str) -> std::result::Result<Experiment, String> {
    let text = format!(
        "name = 'a'\ndata = {{ dataset = 'digits', batch_size = 4 }}\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
         training = {{ epochs = 1 }}\n[network]\ntime_steps = 2\nencoder = 'direct'\nlif = {{ leak = 0.5 }}\n\
         layers = [{{ conv = {{ channels = 3 }} }}, 'lif', {layers}, 'flatten',\n{{ linear = {{ features = 'classes' }} }}]"
    );
    Experiment::parse(&text, "a.toml", &[]).map(|checked| checked.experiment).map_err(|error| error.to_string())
}

#[test]
fn a_repeat_is_its_layers_one_after_the_other_also_in_repeats_and_residuals() -> Result {
    let (conv, lif) = ("{ conv = { channels = 3 } }", "'lif'");
    assert_eq!(
        parsed(&format!("{{ repeat = {{ times = 2, layers = [{conv}, {lif}] }} }}"))?,
        parsed(&format!("{conv}, {lif}, {conv}, {lif}"))?
    );
    let inner = format!("{{ repeat = {{ times = 2, layers = [{conv}] }} }}");
    assert_eq!(
        parsed(&format!("{{ repeat = {{ times = 2, layers = [{inner}, {lif}] }} }}"))?,
        parsed(&format!("{conv}, {conv}, {lif}, {conv}, {conv}, {lif}"))?
    );
    let residual = |layers: &str| format!("{{ residual = {{ layers = [{layers}] }} }}");
    let written =
        parsed(&format!("{}, {}", residual(&format!("{conv}, {conv}")), residual(&format!("{conv}, {conv}"))))?;
    assert_eq!(parsed(&format!("{{ repeat = {{ times = 2, layers = [{}] }} }}", residual(&inner)))?, written);
    // What a run writes has the layers themselves.
    assert!(!written.to_toml()?.contains("repeat"));
    Ok(())
}

#[test]
fn what_cannot_be_repeated_is_told_at_its_place_in_the_list_of_all() -> Result {
    let told = |layers: &str| parsed(layers).err().unwrap_or_default();
    let text = told(
        "{ repeat = { times = 2, layers = [{ pool = { average = 2 } }, { conv = { channels = 3, kernel = 6 } }] } }",
    );
    assert!(text.contains("layer 4 pool: a window of 2 does not fit an image of 1 x 1"), "{text}");
    assert!(text.contains("a.toml:9:81: network.layers[4]"), "{text}");
    let text = told("{ repeat = { times = 0, layers = ['lif'] } }");
    assert!(text.contains("network.layers[2].repeat.times"), "{text}");
    let text = told("{ repeat = { times = 2, layers = [] } }");
    assert!(text.contains("network.layers[2].repeat.layers"), "{text}");
    let text = told("{ repeat = { times = 200, layers = [{ repeat = { times = 200, layers = ['lif'] } }] } }");
    assert!(text.contains("its repeats stand for more than 10000 layers: lower a repeat's times."), "{text}");
    let text =
        planned("[{ repeat = { times = 2, layers = [] } }]", &currents(&[3], false)).err().map(|e| e.to_string());
    assert!(text.is_some_and(|text| text.starts_with("a repeat stands for the layers in it")));
    Ok(())
}
