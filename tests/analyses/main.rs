//! Early exit, energy and attacks: their numbers against hand calculations and candle's own operations, and their
//! commands.

mod commands;
mod conversion;
mod counts;
mod gradients;
mod kept;
mod readouts;
mod spike;

use bntt::experiment::{CheckedExperiment, Experiment};
use bntt::network::Network;
use bntt::rng::{Purpose, Stream};
use candle_core::{Device, Tensor};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Average pools before a convolution and before a linear layer; a stride; borders.
const TEXT: &str = "name = 'small'\nseed = 3\n\
    [data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 96, test = 40 }\nnormalize = { mean = [0.3], std = [0.4] }\n\
    [network]\ntime_steps = 5\nencoder = 'poisson'\nlayers = [ { conv = { channels = 6 } }, 'bntt', 'lif', { pool = { average = 2 } },\n\
    { conv = { channels = 8, stride = 2 } }, 'bntt', 'lif', { pool = { average = 2 } }, 'flatten', { dropout = { probability = 0.2 } },\n\
    { linear = { features = 24 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1, momentum = 0.9 }\n[training]\nepochs = 2\ndevice = 'cpu'\n";

fn parse(overrides: &[&str]) -> Result<CheckedExperiment> {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    Ok(Experiment::parse(TEXT, "small.toml", &overrides)?)
}

/// The network with running statistics and gammas as training might leave them: no two alike.
fn network(checked: &CheckedExperiment) -> Result<Network> {
    let CheckedExperiment { experiment, plan, .. } = checked;
    let mut network = Network::build(&experiment.network, plan.clone(), experiment.seed, &Device::Cpu)?;
    let mut state = network.state();
    for (number, (name, tensor)) in state.iter_mut().enumerate() {
        let random = random(tensor.dims(), number)?;
        if name.ends_with("running_mean") {
            *tensor = random.affine(0.2, 0.0)?;
        } else if name.ends_with("running_var") || name.ends_with("gamma") {
            *tensor = random.affine(0.3, 0.8)?;
        }
    }
    network.load_state(&state)?;
    Ok(network)
}

/// Uniform in -1..1.
fn random(shape: &[usize], number: usize) -> Result<Tensor> {
    let stream = Stream::new(7, Purpose::Synthetic, 0, number, 0);
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64).map(|i| 2.0 * stream.uniform(i) - 1.0).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}
