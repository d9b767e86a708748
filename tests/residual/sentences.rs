//! What is said of residuals that do not fit.

use super::Result;
use bntt::experiment::Experiment;

fn told(residual: &str, expected: &str) -> Result {
    let text = format!(
        "name = 'a'\ndata = {{ dataset = 'digits', batch_size = 4 }}\noptimizer = {{ sgd = {{ lr = 0.1 }} }}\n\
         training = {{ epochs = 1 }}\n[network]\ntime_steps = 2\nencoder = 'direct'\n\
         layers = [{{ conv = {{ channels = 3 }} }}, 'lif', {{ residual = {residual} }}, 'flatten', \
         {{ linear = {{ features = 'classes' }} }}]"
    );
    let error = Experiment::parse(&text, "a.toml", &[]).err().ok_or(format!("{residual} was taken"))?.to_string();
    assert!(error.contains(expected), "{residual}\nexpected {expected}\nfound {error}");
    Ok(())
}

#[test]
fn what_does_not_fit_is_told_with_its_place_and_both_shapes() -> Result {
    told(
        "{ layers = [{ conv = { channels = 4, stride = 2 } }] }",
        "layer 2 residual: its layers give 4 x 4 x 4 and its shortcut 3 x 8 x 8: both must have one shape.",
    )?;
    told(
        "{ layers = [{ conv = { channels = 3 } }, { linear = { features = 3 } }] }",
        "network.layers[2].residual.layers[1]",
    )?;
    told(
        "{ layers = [{ conv = { channels = 3 } }, { linear = { features = 3 } }] }",
        "layer 2 residual: linear, number 1 of its layers: expects a vector of features",
    )?;
    told(
        "{ layers = [{ conv = { channels = 3 } }], shortcut = ['lif'] }",
        "layer 2 residual: lif, number 0 of its shortcut: integrates currents",
    )?;
    told("{ layers = [{ conv = { channels = 3 } }], shortcut = ['lif'] }", "network.layers[2].residual.shortcut[0]")?;
    told(
        "{ layers = [{ residual = { layers = [{ conv = { channels = 3 } }, { pool = { average = 9 } }] } }] }",
        "network.layers[2].residual.layers[0].residual.layers[1]",
    )
}

#[test]
fn spikes_are_wanted_on_both_sides_where_they_are_multiplied() -> Result {
    told(
        "{ join = 'and', layers = [{ conv = { channels = 3 } }] }",
        "join = \"and\" takes spikes, and its layers give currents: end with a lif there, or use join = \"add\"",
    )?;
    told(
        "{ join = 'iand', layers = [{ conv = { channels = 3 } }, 'lif'], shortcut = [{ conv = { channels = 3 } }] }",
        "join = \"iand\" takes spikes, and its shortcut gives currents: end with a lif there",
    )?;
    told(
        "{ join = 'and', layers = [{ conv = { channels = 3 } }], shortcut = [{ conv = { channels = 3 } }] }",
        "join = \"and\" takes spikes, and both sides give currents",
    )
}

#[test]
fn a_branch_without_layers_is_refused() -> Result {
    told("{ layers = [] }", "network.layers[2].residual.layers")
}
