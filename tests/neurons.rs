//! Neurons that learn their leak and threshold, and attached resets, beyond what PyTorch's fixtures hold: the older
//! order by hand, fused with a norm, in runs.

#[path = "residual/chains.rs"]
mod chains;

use bntt::layers::{Chain, ForwardContext};
use bntt::ops::lif::{self, LifConfig, Neurons};
use bntt::run::checkpoint;
use bntt::run::{CheckpointKind, RunFolder};
use candle_core::{Device, Tensor};
use chains::{built, currents};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn close(found: &[f32], expected: &[f32]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-6)
}

/// One neuron of the older order, leak 0.5, threshold 1, soft reset, currents 1.5, 1, 0; the loss is the last step's
/// spike. U found is 0, 1.5 (fires), 0.75; h(0.5) = 0.15, h(-0.25) = 0.225 = a.
#[test]
fn gradients_of_the_older_order_are_those_computed_by_hand() -> Result {
    let one = |value: f32| Tensor::new(&[value], &Device::Cpu);
    let currents = Tensor::new(&[1.5f32, 1.0, 0.0], &Device::Cpu)?.reshape((3, 1, 1))?;
    let grad = Tensor::new(&[0f32, 0.0, 1.0], &Device::Cpu)?.reshape((3, 1, 1))?;
    let a = 0.225;
    // Detached: by the first current leak a, by the second a; by leak a 1.5; by threshold -a 0.75, and the reset's -a.
    // Attached: the first spike's -a too, through h(0.5) by the first current, and by threshold through -h(0.5) 1.5.
    let cases =
        [(true, [0.5 * a, a, 0.0], -a * 0.75 - a), (false, [0.5 * a - a * 0.15, a, 0.0], -a * 1.75 + a * 0.225)];
    for (detach_reset, by_currents, by_threshold) in cases {
        let config = LifConfig { fire_before_integrate: true, detach_reset, ..LifConfig::default() };
        let neurons = Neurons { config, leak: Some(one(0.5)?), threshold: Some(one(1.0)?) };
        let found = lif::gradients(&currents, &grad, &neurons)?;
        let of_currents = found.currents.flatten_all()?.to_vec1::<f32>()?;
        assert!(close(&of_currents, &by_currents), "{of_currents:?}");
        let learned =
            [found.learned.leak, found.learned.threshold].map(|value| value.expect("learned").to_vec1::<f32>());
        let [leak, threshold] = learned;
        let (leak, threshold) = (leak?, threshold?);
        assert!(close(&leak, &[a * 1.5]) && close(&threshold, &[by_threshold]), "{leak:?} {threshold:?}");
    }
    Ok(())
}

fn chain(text: &str) -> Result<Chain> {
    built(text, &currents(&[7, 3, 3], false))
}

/// A chain's input gradient and those of its parameters by name.
fn gradients(chain: &mut Chain, x: &Tensor, grad: &Tensor) -> Result<(Tensor, BTreeMap<String, Tensor>)> {
    let pass = ForwardContext { seed: 0, epoch: 0, indices: &[0, 1, 2] };
    let (_, saved) = chain.forward(x.clone(), &pass, &mut ())?;
    let input = chain.backward(saved, grad.clone(), true, &mut ())?.expect("an input gradient");
    let named = chain
        .parameters_mut()
        .into_iter()
        .map(|(name, parameter)| (name, parameter.gradient.take().expect("a gradient")));
    Ok((input, named.collect()))
}

#[test]
fn neurons_fused_with_a_norm_learn_what_they_learn_behind_it_and_tensors_are_named_by_their_layer() -> Result {
    let x = Tensor::randn(0.3f32, 2.0, (4, 3, 7, 3, 3), &Device::Cpu)?;
    let grad = Tensor::randn(0f32, 1.0, (4, 3, 7, 3, 3), &Device::Cpu)?;
    for norm in ["bntt", "batch_norm", "tebn", "tab"] {
        for input in ["unit", "one_minus_leak"] {
            let lif = format!(
                "{{ lif = {{ leak = {{ start = 0.8, learn = 'channel' }}, threshold = {{ start = 0.9, learn = 'layer' }}, \
                 input = '{input}', detach_reset = false, surrogate = {{ atan = {{ alpha = 2.0 }} }} }} }}"
            );
            let mut fused = chain(&format!("[{{ {norm} = {{}} }}, {lif}]"))?;
            // Nothing is dropped; what is between the two keeps them apart.
            let mut apart = chain(&format!("[{{ {norm} = {{}} }}, {{ dropout = {{ probability = 0.0 }} }}, {lif}]"))?;
            let names: Vec<String> = fused.parameters().into_iter().map(|(name, _)| name).collect();
            assert!(names.contains(&"layers.0.gamma".into()), "{names:?}");
            assert!(names.ends_with(&["layers.1.leak_logit".into(), "layers.1.threshold".into()]), "{names:?}");
            let (input, found) = gradients(&mut fused, &x, &grad)?;
            let (expected_input, expected) = gradients(&mut apart, &x, &grad)?;
            let pairs = found.iter().map(|(name, found)| (found, &expected[&name.replace("layers.1.", "layers.2.")]));
            for (found, expected) in pairs.chain([(&input, &expected_input)]) {
                let largest = expected.abs()?.max_all()?.to_scalar::<f32>()?;
                let difference = (found - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
                assert!(largest > 0.0 && difference <= 1e-5 * largest, "{norm}: {difference} of {largest}");
            }
        }
    }
    Ok(())
}

const TEXT: &str = "name = 'learned'\n[data]\ndataset = 'digits'\nbatch_size = 16\nlimit = { train = 96, test = 40 }\n\
    [network]\ntime_steps = 3\nencoder = 'poisson'\n\
    lif = { leak = { start = 0.9, learn = 'channel' }, threshold = { start = 1.0, learn = 'layer' }, detach_reset = false }\n\
    layers = [ { conv = { channels = 6 } }, 'bntt', 'lif', { pool = { average = 2 } }, 'flatten', { linear = { features = 16 } },\n\
    'lif', { linear = { features = 'classes' } } ]\n\
    [optimizer]\nsgd = { lr = 0.1, momentum = 0.9 }\n[training]\nepochs = 3\ncheckpoint_every = { steps = 2 }\n";

fn bntt(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bntt"));
    command.args(arguments).current_dir(folder).output().expect("the program")
}

fn model(folder: &Path, name: &str) -> Result<BTreeMap<String, Vec<u32>>> {
    let run = RunFolder::open(&folder.join("runs").join(name))?;
    let found = checkpoint::load(&run.checkpoint(CheckpointKind::Last), &Device::Cpu)?;
    let bits = |(name, tensor): (String, Tensor)| {
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        Ok((name, values.iter().map(|value| value.to_bits()).collect()))
    };
    found.model.into_iter().map(bits).collect()
}

/// Neurons that a pool reads, in a residual's branch too: with and without the penalty, the gradient of every spike
/// differs by penalty / (T B N), which is what a penalty of twice the size adds once more.
#[test]
fn a_penalty_on_firing_rates_reaches_the_spikes_of_all_layers_through_pools_and_residuals() -> Result {
    let text = "[{ lif = { reset = 'none' } }, { pool = { average = 3 } }]";
    let x = (Tensor::randn(0.3f32, 0.4, (4, 3, 7, 3, 3), &Device::Cpu)? + 0.5)?;
    let grad = Tensor::zeros((4, 3, 7, 1, 1), candle_core::DType::F32, &Device::Cpu)?;
    let with = |text: &str, penalty: f64, above: f64| -> Result<Tensor> {
        let mut chain = chain(text)?;
        chain.set_firing_rate(bntt::ops::loss::FiringRateConfig { penalty, above });
        Ok(gradients(&mut chain, &x, &grad)?.0)
    };
    // All spikes have the same gradient, as if the loss were their number.
    let ones = Tensor::ones((4, 3, 7, 3, 3), candle_core::DType::F32, &Device::Cpu)?;
    let config = LifConfig { reset: lif::Reset::None, ..LifConfig::default() };
    let counted = lif::gradients(&x, &ones, &Neurons::from(config))?.currents;
    let share = 0.7 / (4 * 3 * 7 * 9) as f64;
    let largest = |tensor: Tensor| tensor.abs()?.max_all()?.to_scalar::<f32>();
    let expected = (counted * share)?;
    assert!(largest(with(text, 0.7, 0.0)?.sub(&expected)?)? < 1e-6 * largest(expected.clone())?);
    assert_eq!(largest(with(text, 0.7, 1.0)?)?, 0.0, "nothing fires more often than always");
    assert_eq!(largest(with(text, 0.0, 0.0)?)?, 0.0);
    let inside = "[{ residual = { join = 'add', layers = [{ lif = { reset = 'none' } }], shortcut = [] } }, \
                  { pool = { average = 3 } }]";
    assert!(largest(with(inside, 0.7, 0.0)?.sub(&expected)?)? < 1e-6 * largest(expected)?);
    Ok(())
}

#[test]
fn a_run_of_learning_neurons_goes_on_to_the_same_bits_and_evaluates_as_it_was_scored() -> Result {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("learned.toml"), TEXT)?;
    let ok = |arguments: &[&str]| {
        let output = bntt(folder.path(), arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    ok(&["run", "learned.toml", "name=whole"]);
    ok(&["run", "learned.toml", "name=stopped", "training.epochs=3"]);
    let whole = model(folder.path(), "whole")?;
    assert_eq!(whole, model(folder.path(), "stopped")?);
    assert_eq!(whole["layers.2.leak_logit"].len(), 6);
    assert_eq!(whole["layers.6.leak_logit"].len(), 16);
    let start = (0.9f64 / (1.0 - 0.9)).ln() as f32;
    assert!(whole["layers.6.leak_logit"].iter().any(|bits| f32::from_bits(*bits) != start), "nothing was learned");
    assert_ne!(f32::from_bits(whole["layers.2.threshold"][0]), 1.0);
    let evaluated = ok(&["eval", "runs/whole", "--format", "json"]);
    assert!(evaluated.contains("top1"), "{evaluated}");
    Ok(())
}

#[test]
fn a_learned_threshold_that_falls_to_zero_stops_the_run_and_is_named() -> Result {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("learned.toml"), TEXT)?;
    let low = "network.lif.threshold={start=0.02, learn='channel'}";
    let output = bntt(folder.path(), &["run", "learned.toml", low, "optimizer.sgd.lr=1"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{message}");
    assert!(message.contains(".threshold[") && message.contains("] has become -"), "{message}");
    assert!(message.contains("a threshold must stay above 0"), "{message}");
    Ok(())
}
