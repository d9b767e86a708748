//! Words of the list that stand for other layers.

use super::Result;
use bntt::experiment::Experiment;

/// A network of `layers`, with `settings` in its table.
fn parsed(settings: &str, layers: &str, overrides: &[&str]) -> std::result::Result<Experiment, String> {
    let text = format!(
        "name = 'a'\ndata = {{ dataset = 'digits', batch_size = 4 }}\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
         training = {{ epochs = 1 }}\n[network]\ntime_steps = 2\nencoder = 'poisson'\nlif = {{ leak = 0.5 }}\n\
         tdbn = {{ alpha = 0.7 }}\n{settings}\n\
         layers = [{{ conv = {{ channels = 3 }} }}, {layers}, 'flatten', {{ linear = {{ features = 'classes' }} }}]"
    );
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    Experiment::parse(&text, "a.toml", &overrides).map(|checked| checked.experiment).map_err(|error| error.to_string())
}

/// Norms in a list, a residual and a repeat.
fn norms(norm: &str) -> String {
    let conv = "{ conv = { channels = 3 } }";
    format!(
        "{norm} 'lif', {{ residual = {{ layers = [{conv}, {norm} 'lif', {conv}], shortcut = [{conv}, {norm} 'lif', {conv}] }} }}, \
         'lif', {{ repeat = {{ times = 2, layers = [{conv}, {norm} 'lif'] }} }}"
    )
}

#[test]
fn norm_is_the_layer_that_the_network_names_with_its_settings() -> Result {
    for norm in ["bntt", "tebn", "tab", "tdbn", "batch_norm"] {
        let written = parsed("", &norms(&format!("'{norm}',")), &[])?;
        let read = parsed(&format!("norm = '{norm}'"), &norms("'norm',"), &[])?;
        assert_eq!(read, written, "{norm}");
        // What a run writes has the layers themselves, and is what was read.
        let text = read.to_toml()?;
        assert!(!text.contains("\"norm\"") && !text.contains("\nnorm ="), "{text}");
        assert_eq!(Experiment::parse(&text, "config.toml", &[])?.experiment, read);
        // As on the command line, or as a sweep sets it.
        assert_eq!(parsed("norm = 'bntt'", &norms("'norm',"), &[&format!("network.norm={norm}")])?, written);
    }
    assert_eq!(parsed("norm = 'none'", &norms("'norm',"), &[])?, parsed("", &norms(""), &[])?);
    Ok(())
}

#[test]
fn a_layer_that_says_its_norm_itself_keeps_it() -> Result {
    let layers = "'norm', 'lif', { conv = { channels = 3 } }, { tdbn = { alpha = 0.5 } }, 'lif'";
    let expected = parsed("", &layers.replace("'norm'", "'bntt'"), &[])?;
    assert_eq!(parsed("norm = 'bntt'", layers, &[])?, expected);
    Ok(())
}

#[test]
fn relu_makes_the_twin_without_spikes() -> Result {
    let conv = "{ conv = { channels = 3 } }";
    let twin = |norms: &str, relu: &str| {
        format!(
            "{norms} {relu}, {{ residual = {{ layers = [{conv}, {norms} {relu}, {conv}] }} }}, {relu}, \
             {{ repeat = {{ times = 2, layers = [{conv}, {relu}] }} }}"
        )
    };
    let expected = parsed("", &twin("'batch_norm',", "'relu'"), &["network.time_steps=1", "network.encoder=direct"])?;
    for norm in ["'bntt',", "'tebn',", "'tab',", "{ tdbn = { alpha = 0.3 } },", "'batch_norm',", "'norm',"] {
        let settings = if norm == "'norm'," { "norm = 'tebn'" } else { "" };
        for lif in ["'lif'", "{ lif = { leak = 0.9 } }"] {
            assert_eq!(parsed(settings, &twin(norm, lif), &["network.neuron=relu"])?, expected, "{norm}");
        }
    }
    assert!(!expected.to_toml()?.contains("neuron"));
    assert_eq!(parsed("neuron = 'lif'", "'lif'", &[])?, parsed("", "'lif'", &[])?);
    // Sequences of the data set's own are left as they are.
    let coded = parsed("", "'lif'", &["network.neuron=relu", "network.encoder=none"]).unwrap_err();
    assert!(coded.contains("\"none\" needs a data set of sequences"), "{coded}");
    let joined = "'lif', { residual = { join = 'and', layers = [{ conv = { channels = 3 } }, 'lif'] } }, 'lif'";
    let told = parsed("neuron = 'relu'", joined, &[]).unwrap_err();
    assert!(told.contains("join = \"and\" takes spikes, and both sides give currents"), "{told}");
    Ok(())
}

#[test]
fn a_norm_that_nobody_names_and_one_that_stands_nowhere_are_told() {
    let told = |settings: &str, layers: &str, overrides: &[&str]| parsed(settings, layers, overrides).unwrap_err();
    let text = told("", "'norm', 'lif'", &[]);
    assert_eq!(
        text.lines().next().unwrap_or_default(),
        "a.toml:11:40: network.layers[1]: \"norm\" stands for what network.norm names, which is not given: set network.norm, or \
         name here what is meant."
    );
    let inside = "'lif', { residual = { layers = [{ conv = { channels = 3 } }, 'norm'] } }, 'lif'";
    let text = told("", inside, &[]);
    assert!(text.contains("network.layers[2].residual.layers[1]: \"norm\" stands for"), "{text}");
    let text = told("", "'bntt', 'lif'", &["network.norm=tebn"]);
    assert_eq!(
        text.lines().next().unwrap_or_default(),
        "command line: network.norm: it names \"tebn\", but no entry of network.layers is \"norm\", which would stand for it: \
         write \"norm\" where it is to stand, or leave this key out."
    );
    // A list that came later says itself what it wants.
    let later = "network.layers=['flatten', 'lif', { linear = { features = 'classes' } }]";
    let kept = parsed("norm = 'bntt'", "'norm', 'lif'", &[later]);
    assert_eq!(kept, parsed("", "'lif'", &[later]));
    assert!(told("norm = 'bntt'", "'norm', 'lif'", &[later, "network.norm=tab"]).contains("it names \"tab\""));
    let text = told("norm = 'tebbn'", "'norm', 'lif'", &[]);
    assert!(text.contains("network.norm") && text.contains("tebn"), "{text}");
    // Places are those of the list as written, though a norm was left out of it.
    let text = told("norm = 'none'", "'norm', 'lif', { pool = { average = 9 } }", &[]);
    assert!(text.contains("a.toml:11:55: network.layers[2]: layer 2 pool: a window of 9"), "{text}");
}
