//! What logits are made of: gradients against finite differences and candle's autograd, sequences that end early,
//! sentences.

use super::spike::spike;
use super::{Result, network, parse, random};
use bntt::network::Network;
use bntt::ops::cross_entropy::BatchScore;
use bntt::ops::loss::{LossConfig, TetConfig, score_and_gradient};
use candle_core::{DType, Device, Tensor, Var};

const INDICES: [u32; 3] = [4, 0, 7];

/// The loss of a training pass over `images`, and the gradients that it leaves where they are `wanted`.
fn loss(network: &mut Network, images: &Tensor, loss: &LossConfig, wanted: bool) -> Result<f64> {
    let labels = Tensor::new(&[2u32, 9, 0], &Device::Cpu)?;
    let (read, tape, _) = network.forward(images, 0, &INDICES, &mut ())?;
    let (score, gradient) = score_and_gradient(&read, &labels, loss, 0.0)?;
    if wanted {
        network.backward(tape, gradient, false, &mut ())?;
    }
    Ok(BatchScore::read(&score)?.loss())
}

const VOTE: &str = "network.layers[13]={ linear = { features = 30 } }";

#[test]
fn gradients_are_finite_differences_for_every_readout_of_currents_and_every_loss_of_it() -> Result {
    let tet = LossConfig::Tet(TetConfig { lambda: 0.3, target: 0.5 });
    let mse = LossConfig::Mse(Default::default());
    for (overrides, losses) in [
        (&["seed=3"][..], &[LossConfig::CrossEntropy, mse, tet][..]),
        (&["network.readout=last"], &[LossConfig::CrossEntropy, mse]),
        (&["network.readout={ vote = { per_class = 3 } }", VOTE], &[LossConfig::CrossEntropy, mse, tet]),
    ] {
        let checked = parse(overrides)?;
        let images = random(&[3, 1, 8, 8], 5)?;
        for what in losses {
            let mut network = network(&checked)?;
            loss(&mut network, &images, what, true)?;
            let state = network.state();
            let weight = state["layers.13.weight"].clone();
            let (_, parameter) =
                network.parameters_mut().into_iter().find(|(name, _)| name == "layers.13.weight").expect("a weight");
            let found = parameter.gradient.take().expect("a gradient").flatten_all()?.to_vec1::<f32>()?;
            let values = weight.flatten_all()?.to_vec1::<f32>()?;
            for place in (0..values.len()).step_by(17) {
                // Neurons do not depend on it: the loss is smooth.
                let mut at = |moved: f32| -> Result<f64> {
                    let mut values = values.clone();
                    values[place] += moved;
                    let mut state = state.clone();
                    state.insert("layers.13.weight".into(), Tensor::from_vec(values, weight.dims(), &Device::Cpu)?);
                    network.load_state(&state)?;
                    loss(&mut network, &images, what, false)
                };
                let expected = (at(1e-2)? - at(-1e-2)?) / 2e-2;
                let error = (f64::from(found[place]) - expected).abs();
                assert!(error < 2e-4, "{overrides:?}, {what:?}, {place}: {}, {expected}", found[place]);
            }
        }
    }
    Ok(())
}

/// Firing rates of the last neurons, by class or by groups of three a class.
#[test]
fn through_the_last_neurons_the_gradient_is_that_of_candles_autograd() -> Result {
    for (readout, features, group) in [("{ spikes = {} }", 10, 1), ("{ vote = { per_class = 3 } }", 30, 3)] {
        let layers = format!("network.layers=['flatten', {{ linear = {{ features = {features} }} }}, 'lif']");
        let readout = format!("network.readout={readout}");
        let checked = parse(&["network.encoder=direct", &layers, &readout, "network.lif.leak=0.9"])?;
        let mut network = network(&checked)?;
        let images = random(&[3, 1, 8, 8], 5)?;
        let found_loss = loss(&mut network, &images, &LossConfig::CrossEntropy, true)?;
        let (_, parameter) = network.parameters_mut().remove(0);
        let found = parameter.gradient.take().expect("a gradient");

        let weight = Var::from_tensor(&parameter.value.copy()?)?;
        let current = images.flatten_from(1)?.matmul(&weight.t()?)?;
        let (mut membrane, mut logits) = (current.zeros_like()?, Tensor::zeros((3, 10), DType::F32, &Device::Cpu)?);
        for _ in 0..5 {
            membrane = (membrane.affine(0.9, 0.0)? + &current)?;
            let spikes = spike(&membrane.affine(1.0, -1.0)?)?;
            membrane = (membrane - spikes.detach())?;
            logits = (logits + spikes.reshape((3, 10, group))?.mean(2)?.affine(0.2, 0.0)?)?;
        }
        let expected = candle_nn::loss::cross_entropy(&logits, &Tensor::new(&[2u32, 9, 0], &Device::Cpu)?)?;
        assert!((f64::from(expected.to_scalar::<f32>()?) - found_loss).abs() < 1e-5, "{readout}");
        let gradient = expected.backward()?.get(&weight).expect("candle's gradient").clone();
        let largest = |x: &Tensor| x.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>();
        let (size, error) = (largest(&gradient)?, largest(&(&gradient - &found)?)?);
        assert!(size > 1e-3 && error < 1e-5 * size.max(1.0), "{readout}: gradients up to {size}, off by {error:e}");
        // The image's goes the same way.
        let draw = bntt::encoders::RandomKey {
            seed: 3,
            purpose: bntt::rng::Purpose::PoissonAttack,
            epoch: 0,
            indices: &INDICES,
        };
        let by_image = network.input_gradient(&images, &Tensor::new(&[2u32, 9, 0], &Device::Cpu)?, &draw)?;
        assert!(largest(&by_image)? > 1e-4);
    }
    Ok(())
}

#[test]
fn a_network_that_ends_early_reads_the_last_step_that_was_computed() -> Result {
    let (images, mean, last) = (random(&[3, 1, 8, 8], 5)?, parse(&[])?, parse(&["network.readout=last"])?);
    let (mean, last) = (network(&mean)?, network(&last)?);
    let (steps, _) = mean.evaluate_steps(&images, 0, &INDICES, 5, &mut ())?;
    for t in 1..=5 {
        let found = last.evaluate(&images, 0, &INDICES, t)?.0.to_vec2::<f32>()?;
        assert_eq!(found, steps.get(t - 1)?.to_vec2::<f32>()?, "{t} time-steps");
    }
    Ok(())
}

#[test]
fn readouts_that_do_not_fit_are_told() {
    let told = |overrides: &[&str]| parse(overrides).err().map_or_else(String::new, |error| error.to_string());
    for (overrides, expected) in [
        (
            &["network.readout=spikes"][..],
            "network.layers[13]: layer 13 linear: gives currents, and network.readout = { spikes = {} } counts spikes: end with a \
             lif, or leave readout out",
        ),
        (
            &["network.readout={ vote = { per_class = 4 } }"],
            "layer 13 linear: gives 10 features, and network.readout = { vote = { per_class = 4 } } reads 4 of each of the data's 10 \
             classes: use features = 40",
        ),
        (
            &["network.layers=['flatten', { linear = { features = 'classes' } }, 'lif']"],
            "layer 2 lif: gives spikes, but the last layer must give currents: end with { linear = { features = \"classes\" } }, or \
             set network.readout = { spikes = {} }",
        ),
        (
            &["network.readout=last", "training.loss={ tet = {} }"],
            "training.loss.tet: it is a loss of every time-step, and network.readout = \"last\" reads one alone: use \
             \"cross_entropy\" or another readout",
        ),
        (&["network.readout={ vote = { per_class = 0 } }"], "network.readout.vote.per_class"),
        (&["network.readout=vote"], "network.readout.vote.per_class"),
    ] {
        assert!(told(overrides).contains(expected), "{overrides:?}: {}", told(overrides));
    }
}
