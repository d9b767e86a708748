//! Values that PyTorch gave, through the public path: a file's text becomes an experiment, a network and training
//! steps.
//!
//! `tests/fixtures` holds inputs, weights, outputs, gradients and losses of a step-by-step PyTorch model (float32, each
//! case kept only if float64 agrees on every spike).

use bntt::data::Batch;
use bntt::experiment::{CheckedExperiment, Experiment};
use bntt::network::Network;
use bntt::ops;
use bntt::optimizers::{Optimizer, TrainingPosition};
use bntt::train::step;
use candle_core::{DType, Device, IndexOp, Tensor};
use std::collections::{BTreeMap, HashMap};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;
type Fixture = HashMap<String, Tensor>;

fn fixture(name: &str) -> Result<Fixture> {
    Ok(candle_core::safetensors::load(format!("tests/fixtures/{name}.safetensors"), &Device::Cpu)?)
}

/// The largest difference, relative to the expected tensor's largest magnitude.
fn difference(expected: &Tensor, found: &Tensor) -> Result<f32> {
    assert_eq!(expected.dims(), found.dims());
    let largest = expected.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?.max(1e-6);
    Ok((expected - found)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()? / largest)
}

fn assert_close(expected: &Tensor, found: &Tensor, within: f32, what: &str) -> Result {
    let difference = difference(expected, found)?;
    assert!(difference <= within, "{what}: relative difference {difference:e}, allowed {within:e}");
    Ok(())
}

/// A file whose data set is the fixture's `sequence`, written as a user's own tensors.
fn experiment(
    fixture: &Fixture,
    folder: &std::path::Path,
    network: &str,
    optimizer: &str,
    training: &str,
) -> Result<CheckedExperiment> {
    let sequences = fixture["sequence"].transpose(0, 1)?.contiguous()?;
    let labels = fixture["labels"].to_dtype(DType::U32)?;
    let path = folder.join("own.safetensors");
    candle_core::safetensors::save(&HashMap::from([("sequences", sequences), ("labels", labels)]), &path)?;
    let path = path.display();
    let text = format!(
        "name = 'oracle'\n[data]\ndataset = {{ tensors = {{ train = '{path}', test = '{path}' }} }}\nbatch_size = 8\n\
         [network]\nencoder = 'none'\n{network}\n[optimizer]\n{optimizer}\n[training]\nepochs = 1\n{training}"
    );
    Ok(Experiment::parse(&text, "oracle.toml", &[])?)
}

/// The fixture's tensors under `prefix`, by our names: PyTorch's carry a `.module` more for layers applied step by
/// step, and a `.layers` more inside a residual. What a norm has a row of for every group is a single one's row there.
fn state(fixture: &Fixture, prefix: &str) -> BTreeMap<String, Tensor> {
    let own = |name: &str| {
        let name = name.strip_prefix(prefix)?.replace(".module.", ".");
        Some(name.replace(".branch.layers.", ".residual.").replace(".shortcut.layers.", ".shortcut."))
    };
    let rows = |name: &str, tensor: &Tensor| {
        let grouped = [".gamma", ".running_mean", ".running_var"].iter().any(|end| name.ends_with(end));
        if grouped && tensor.rank() == 1 { tensor.unsqueeze(0).expect("a row") } else { tensor.clone() }
    };
    let named = |(name, tensor): (&String, &Tensor)| own(name).map(|own| (own, rows(name, tensor)));
    fixture.iter().filter_map(named).collect()
}

/// Four training steps on one batch against logits, gradients, losses and final weights.
fn check_network(name: &str, network_text: &str, optimizer_text: &str) -> Result {
    check_training(name, network_text, optimizer_text, "")
}

/// The same with more of `[training]`.
fn check_training(name: &str, network_text: &str, optimizer_text: &str, training: &str) -> Result {
    let fixture = fixture(name)?;
    let folder = tempfile::tempdir()?;
    let CheckedExperiment { experiment, plan, .. } =
        experiment(&fixture, folder.path(), network_text, optimizer_text, training)?;
    let device = experiment.training.open_device()?;
    let mut network = Network::build(&experiment.network, plan, experiment.seed, &device)?;
    network.load_state(&state(&fixture, "before."))?;

    let indices: Vec<u32> = (0..8).collect();
    let labels = fixture["labels"].to_dtype(DType::U32)?;
    let batch = Batch { inputs: fixture["sequence"].clone(), labels, indices, mixture: None };

    let (currents, tape, _) = network.forward(&batch.inputs, 0, &batch.indices, &mut ())?;
    assert_close(&fixture["logits"], &currents.mean(0)?, 1e-3, "logits")?;
    let loss = &experiment.training.loss;
    let (_, gradient) = ops::loss::score_and_gradient(&currents, &batch.labels, loss, 0.0)?;
    network.backward(tape, gradient, false, &mut ())?;
    let expected = state(&fixture, "grad.");
    let parameters = network.parameters_mut();
    assert_eq!(parameters.len(), expected.len());
    for (name, parameter) in parameters {
        let found = parameter.gradient.take().expect("a gradient");
        assert_close(&expected[&name], &found, 1e-3, &format!("gradient of {name}"))?;
    }

    // The steps above moved the running statistics: start again.
    network.load_state(&state(&fixture, "before."))?;
    let mut optimizer = Optimizer::new(&experiment.optimizer);
    let losses = fixture["losses"].to_vec1::<f32>()?;
    for (number, expected) in losses.iter().enumerate() {
        let now = TrainingPosition { epoch: 0, epochs: 1, step: number, steps: losses.len() };
        let lr = experiment.optimizer.lr() * experiment.schedule.factor(now);
        let seen = step(&mut network, &mut optimizer, &batch, now, lr, &experiment.training, &mut ())?;
        let loss = seen.read_score()?.loss() as f32;
        assert!((loss - expected).abs() <= 1e-3 * expected.abs(), "step {number}: loss {loss}, PyTorch {expected}");
    }
    let after = state(&fixture, "after.");
    assert_eq!(network.state().keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (name, found) in network.state() {
        assert_close(&after[&name], &found, 1e-3, &format!("{name} after the steps"))?;
    }
    let (logits, _) = network.evaluate(&batch.inputs, 0, &batch.indices, experiment.network.time_steps)?;
    assert_close(&fixture["logits_eval"], &logits, 1e-3, "logits in evaluation")
}

#[test]
fn a_bntt_network_trained_with_sgd_follows_pytorch_in_every_number() -> Result {
    check_network(
        "bntt_network_sgd",
        "time_steps = 4\nlayers = [ { conv = { channels = 6 } }, 'bntt', 'lif', { pool = { average = 2 } }, \
         { conv = { channels = 8 } }, 'bntt', 'lif', { pool = { average = 2 } }, 'flatten', \
         { linear = { features = 24 } }, 'bntt', 'lif', { linear = { features = 'classes' } } ]",
        "sgd = { lr = 0.1, momentum = 0.9, weight_decay = 1e-4 }",
    )
}

#[test]
fn a_convex_network_trained_with_adam_follows_pytorch_in_every_number() -> Result {
    check_network(
        "convex_network_adam",
        "time_steps = 5\nlif = { leak = 0.5, input = 'one_minus_leak' }\n\
         layers = [ { conv = { channels = 6 } }, 'lif', { pool = { average = 2 } }, { conv = { channels = 8 } }, 'lif', \
         'flatten', { linear = { features = 24 } }, 'lif', { linear = { features = 'classes' } } ]",
        "adam = { lr = 1e-3 }",
    )
}

#[test]
fn a_network_with_a_residual_of_currents_follows_pytorch_in_every_number() -> Result {
    check_network(
        "field_ms_resnet",
        "time_steps = 4\nlif = { leak = 0.5 }\nbatch_norm = { eps = 1e-5, beta = true }\n\
         layers = [ { conv = { channels = 6 } }, 'batch_norm', { residual = { join = 'add', layers = \
         [ 'lif', { conv = { channels = 6 } }, 'batch_norm', 'lif', { conv = { channels = 6 } }, 'batch_norm' ] } }, \
         'lif', { pool = { average = 2 } }, 'flatten', { linear = { features = 'classes' } } ]",
        "sgd = { lr = 0.1, momentum = 0.9, weight_decay = 1e-4 }",
    )
}

/// Spikes that a residual adds, multiplies, or lets through where the branch is silent; TEBN and TAB.
#[test]
fn spiking_residuals_with_the_fields_norms_follow_pytorch_in_every_number() -> Result {
    for join in ["add", "and", "iand"] {
        let block = "{ conv = { channels = 6 } }, 'tebn', 'lif'";
        let network = format!(
            "time_steps = 4\nlif = {{ leak = 0.5 }}\nlayers = [ {block}, {{ residual = {{ join = '{join}', layers = \
             [ {block}, {block} ] }} }}, {{ conv = {{ channels = 8 }} }}, 'tab', 'lif', 'flatten', \
             {{ linear = {{ features = 'classes' }} }} ]"
        );
        check_network(
            &format!("field_sew_{join}"),
            &network,
            "sgd = { lr = 0.1, momentum = 0.9, weight_decay = 1e-4 }",
        )?;
    }
    Ok(())
}

/// Currents that a residual adds past a convolution of stride 2, trained with TET.
#[test]
fn a_residual_network_trained_with_tet_follows_pytorch_in_every_number() -> Result {
    let (plain, half) = ("{ tdbn = { eps = 1e-5 } }", "{ tdbn = { eps = 1e-5, alpha = 0.7071 } }");
    let network = format!(
        "time_steps = 4\nlif = {{ leak = 0.5 }}\nlayers = [ {{ conv = {{ channels = 6 }} }}, {plain}, 'lif', \
         {{ residual = {{ layers = [ {{ conv = {{ channels = 6 }} }}, {plain}, 'lif', {{ conv = {{ channels = 6 }} }}, \
         {half} ] }} }}, 'lif', {{ residual = {{ layers = [ {{ conv = {{ channels = 8, stride = 2 }} }}, {plain}, 'lif', \
         {{ conv = {{ channels = 8 }} }}, {half} ], shortcut = [ {{ conv = {{ channels = 8, kernel = 1, stride = 2, \
         padding = 0 }} }}, {half} ] }} }}, 'lif', {{ pool = {{ average = 2 }} }}, 'flatten', \
         {{ linear = {{ features = 'classes' }} }} ]"
    );
    check_training(
        "field_residual_tet",
        &network,
        "sgd = { lr = 0.1, momentum = 0.9, weight_decay = 1e-4 }",
        "loss = { tet = { lambda = 0.05, target = 1.0 } }\n",
    )
}

/// The twin without spikes of a list of spiking layers: one time-step, ReLU for LIF, batch norm for BNTT.
#[test]
fn the_twin_without_spikes_follows_pytorch_in_every_number() -> Result {
    check_network(
        "field_relu_twin",
        "time_steps = 5\nneuron = 'relu'\nbatch_norm = { eps = 1e-5, beta = true }\n\
         layers = [ { conv = { channels = 6 } }, 'bntt', { lif = { leak = 0.5 } }, { pool = { average = 2 } }, \
         { conv = { channels = 8 } }, 'tdbn', 'lif', 'flatten', { linear = { features = 24 } }, 'bntt', 'lif', \
         { linear = { features = 'classes' } } ]",
        "sgd = { lr = 0.1, momentum = 0.9, weight_decay = 1e-4 }",
    )
}

/// A layer of neurons with the fixture's parameters: spikes, and the gradients of currents and of what is learned.
fn check_lif(name: &str, lif: &str) -> Result {
    use bntt::layers::{ForwardContext, LayerConfig, SequenceSpec};
    let fixture = fixture(name)?;
    let (config, shared) = (LayerConfig::Lif(toml::from_str(lif)?), shared());
    let shape = fixture["currents"].dims()[2..].to_vec();
    let signal = SequenceSpec { shape, spikes: false, multiplied: false, constant: false };
    let plan = config.spec().plan(&signal, &shared)?;
    let mut layer = config.build(None, &plan, &shared)?;
    for parameter in layer.parameters_mut() {
        parameter.value = fixture[parameter.name].reshape(parameter.value.shape())?;
    }
    let pass = ForwardContext { seed: 0, epoch: 0, indices: &[] };
    let (output, saved) = layer.forward(fixture["currents"].clone(), &pass)?;
    let expected = fixture["spikes"].to_dtype(DType::U8)?;
    assert_eq!(output.sequence.flatten_all()?.to_vec1::<u8>()?, expected.flatten_all()?.to_vec1::<u8>()?);
    let gradient = layer.backward(saved, fixture["upstream"].clone(), true)?.expect("the currents' gradient");
    let difference = (&fixture["grad_currents"] - gradient)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
    assert!(difference <= 1e-5, "{name}: gradients differ by {difference:e}");
    let learned: usize = layer.parameters().iter().map(|parameter| parameter.value.elem_count()).sum();
    assert_eq!(plan.parameters, learned, "{name}");
    let mut names = layer.parameters().iter().map(|parameter| parameter.name).collect::<Vec<_>>();
    for parameter in layer.parameters() {
        let found = parameter.gradient.as_ref().expect("a gradient");
        let expected = fixture[&format!("grad_{}", parameter.name)].reshape(found.shape())?;
        assert_close(&expected, found, 1e-5, &format!("{name}: {}'s gradient", parameter.name))?;
    }
    names.retain(|name| !fixture.contains_key(*name));
    assert!(names.is_empty(), "{name}: not in the fixture: {names:?}");
    let grads = fixture.keys().filter(|key| key.starts_with("grad_") && *key != "grad_currents").count();
    assert_eq!(grads, layer.parameters().len(), "{name}");
    Ok(())
}

#[test]
fn lif_spikes_are_pytorchs_and_gradients_within_1e_5() -> Result {
    check_lif("lif_paper", "leak = 0.95")?;
    check_lif("lif_convex", "leak = 0.5\ninput = 'one_minus_leak'")?;
    check_lif("lif_threshold", "leak = 0.9\nthreshold = 0.7")
}

#[test]
fn the_fields_neurons_are_pytorchs_in_spikes_and_all_gradients() -> Result {
    check_lif("field_if", "leak = 1.0")?;
    let steep = "surrogate = { triangle = { height = 1.0 } }";
    check_lif("field_lif_hard_attached", &format!("leak = 0.25\nreset = 'hard'\ndetach_reset = false\n{steep}"))?;
    check_lif("field_lif_soft_attached", "leak = 0.9\ndetach_reset = false")?;
    let learned = |learn: &str| {
        format!("leak = {{ start = 0.8, learn = '{learn}' }}\nthreshold = {{ start = 1.0, learn = '{learn}' }}")
    };
    check_lif("field_lif_learned_layer", &learned("layer"))?;
    check_lif("field_lif_learned_channel", &format!("{}\nreset = 'hard'", learned("channel")))?;
    let plif = "leak = { start = 0.5, learn = 'layer' }\ninput = 'one_minus_leak'\nreset = 'hard'";
    check_lif("field_plif", plif)
}

/// What layers of 4 time-steps are built with.
fn shared() -> bntt::layers::BuildContext<'static> {
    bntt::layers::BuildContext {
        time_steps: 4,
        classes: 2,
        seed: 0,
        init: Default::default(),
        device: &Device::Cpu,
        precision: Default::default(),
        index: 0,
        list: "layers",
        following: &[],
        neurons_behind: None,
    }
}

#[test]
fn bntt_outputs_gradients_and_running_statistics_are_pytorchs_within_1e_4() -> Result {
    let config = bntt::layers::LayerConfig::Bntt(toml::from_str("eps = 1e-4\nmomentum = 0.1")?);
    let output = check_norm("bntt", &config, &["gamma", "running_mean", "running_var"])?;
    // The first time-step alone is not the last one's twin: statistics belong to their step.
    assert!(difference(&output.i(0)?, &output.i(3)?)? > 0.1);
    Ok(())
}

/// A norm with the fixture's parameters: outputs, gradients and running statistics in training, outputs in evaluation.
/// The output in training.
fn check_norm(name: &str, config: &bntt::layers::LayerConfig, state: &[&str]) -> Result<Tensor> {
    use bntt::layers::{ForwardContext, SequenceSpec};
    let (fixture, shared) = (fixture(name)?, shared());
    let signal = SequenceSpec { shape: vec![5, 3, 3], spikes: false, multiplied: false, constant: false };
    let mut layer = config.build(None, &config.spec().plan(&signal, &shared)?, &shared)?;
    for (name, tensor) in layer.state_mut() {
        if let Some(value) = fixture.get(name).filter(|_| !name.starts_with("running")) {
            *tensor = value.reshape(tensor.shape())?;
        }
    }
    let pass = ForwardContext { seed: 0, epoch: 0, indices: &[] };
    let (output, saved) = layer.forward(fixture["input"].clone(), &pass)?;
    assert_close(&fixture["output_train"], &output.sequence, 1e-4, "output in training")?;
    let gradient = layer.backward(saved, fixture["upstream"].clone(), true)?.expect("an input gradient");
    assert_close(&fixture["grad_input"], &gradient, 1e-4, "input gradient")?;
    assert_eq!(layer.state().iter().map(|(name, _)| *name).collect::<Vec<_>>(), state);
    for parameter in layer.parameters() {
        let found = parameter.gradient.as_ref().expect("a gradient");
        let expected = fixture[&format!("grad_{}", parameter.name)].reshape(found.shape())?;
        assert_close(&expected, found, 1e-4, &format!("{}'s gradient", parameter.name))?;
    }
    for (name, tensor) in layer.state().into_iter().filter(|(name, _)| name.starts_with("running")) {
        assert_close(&fixture[name].reshape(tensor.shape())?, tensor, 1e-4, name)?;
    }
    assert_close(&fixture["output_eval"], &layer.evaluate(&fixture["input"])?.sequence, 1e-4, "output in evaluation")?;
    // The first steps alone are those of the whole sequence.
    let first = layer.evaluate(&fixture["input"].narrow(0, 0, 2)?)?.sequence;
    assert_close(&fixture["output_eval"].narrow(0, 0, 2)?, &first, 1e-4, "the first time-steps in evaluation")?;
    Ok(output.sequence)
}

#[test]
fn the_fields_norms_are_pytorchs_in_outputs_gradients_and_running_statistics() -> Result {
    use bntt::layers::LayerConfig;
    let with_p = ["gamma", "beta", "p", "running_mean", "running_var"];
    check_norm("field_tebn", &LayerConfig::Tebn(Default::default()), &with_p)?;
    check_norm("field_tab", &LayerConfig::Tab(Default::default()), &with_p)?;
    let tdbn = LayerConfig::Tdbn(toml::from_str("alpha = 0.7071\neps = 1e-5")?);
    check_norm("field_tdbn", &tdbn, &["gamma", "beta", "running_mean", "running_var"])?;
    Ok(())
}
