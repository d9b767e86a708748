//! The gradient by the images.

use super::spike::spike;
use super::{Result, network, parse, random};
use bntt::encoders::RandomKey;
use bntt::layers::{BuildContext, Layer, LayerConfig, SequenceSpec};
use bntt::ops::cross_entropy::{BatchScore, score, score_and_gradient};
use bntt::rng::Purpose;
use candle_core::{DType, Device, Tensor, Var};

/// Layers without neurons, whose output is a function of the image that has a derivative.
fn smooth_layers() -> Result<Vec<Box<dyn Layer>>> {
    #[derive(serde::Deserialize)]
    struct File {
        layers: Vec<LayerConfig>,
    }
    let text = "layers = [{ conv = { channels = 4, bias = true } }, 'bntt', 'relu', { pool = { average = 2 } }, { conv = { channels = 3, stride = 2 } }, \
                'batch_norm', { pool = { max = 2 } }, 'flatten', { dropout = { probability = 0.5 } }, { linear = { features = 'classes' } }]";
    let File { layers } = toml::from_str(
        &text
            .replace("'bntt'", "{ bntt = {} }")
            .replace("'relu'", "{ relu = {} }")
            .replace("'batch_norm'", "{ batch_norm = {} }")
            .replace("'flatten'", "{ flatten = {} }"),
    )?;
    let mut signal = SequenceSpec { shape: vec![2, 8, 8], spikes: false, multiplied: false, constant: false };
    let mut built = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let shared = BuildContext {
            time_steps: 3,
            classes: 5,
            seed: 1,
            init: Default::default(),
            device: &Device::Cpu,
            precision: Default::default(),
            index,
            list: "layers",
            following: &[],
            neurons_behind: None,
        };
        let plan = layer.spec().plan(&signal, &shared)?;
        let mut layer = layer.build(None, &plan, &shared)?;
        for (number, (name, tensor)) in layer.state_mut().into_iter().enumerate() {
            if name.starts_with("running") || name == "gamma" {
                *tensor = random(tensor.dims(), 10 * index + number)?.affine(0.3, 0.8)?;
            }
        }
        built.push(layer);
        signal = plan.output;
    }
    Ok(built)
}

fn loss(layers: &[Box<dyn Layer>], x: &Tensor, labels: &Tensor) -> Result<f64> {
    let mut x = x.clone();
    for layer in layers {
        x = layer.evaluate(&x)?.sequence;
    }
    Ok(BatchScore::read(&score(&x.mean(0)?, labels, 0.0)?)?.loss())
}

#[test]
fn an_evaluations_gradient_is_the_finite_difference() -> Result {
    let layers = smooth_layers()?;
    let shape = [3, 2, 2, 8, 8];
    let x = random(&shape, 1)?;
    let labels = Tensor::new(&[4u32, 1], &Device::Cpu)?;

    let (mut y, mut saved) = (x.clone(), Vec::new());
    for layer in &layers {
        let (output, kept) = layer.evaluate_saving(y)?;
        saved.push(kept);
        y = output.sequence;
    }
    let (_, grad) = score_and_gradient(&y.mean(0)?, &labels, 0.0)?;
    let mut grad = bntt::ops::sequence::repeat(&(grad / 3.0)?.unsqueeze(0)?, 3)?.contiguous()?;
    for (layer, saved) in layers.iter().zip(saved).rev() {
        grad = layer.input_gradient(saved, grad)?;
    }
    let found = grad.flatten_all()?.to_vec1::<f32>()?;
    let largest = found.iter().fold(0f32, |most, g| most.max(g.abs()));
    assert!(largest > 1e-3, "the gradient is no more than {largest}");

    let values = x.flatten_all()?.to_vec1::<f32>()?;
    // Two steps: the maximum of a window may change inside of one of them.
    let difference = |place: usize, step: f32| -> Result<f64> {
        let at = |moved: f32| {
            let mut values = values.clone();
            values[place] += moved;
            loss(&layers, &Tensor::from_vec(values, &shape, &Device::Cpu)?, &labels)
        };
        Ok((at(step)? - at(-step)?) / (2.0 * f64::from(step)))
    };
    for place in (0..values.len()).step_by(11) {
        let tolerance = 0.01 * f64::from(largest);
        let errors = [difference(place, 0.02)?, difference(place, 0.004)?].map(|d| (d - f64::from(found[place])).abs());
        let error = errors[0].min(errors[1]);
        assert!(error < tolerance, "place {place}: {}, off by {error:e}", found[place]);
    }
    Ok(())
}

#[test]
fn through_neurons_and_direct_coding_it_is_that_of_candles_autograd() -> Result {
    let layers = "network.layers=[{ conv = { channels = 4 } }, 'bntt', 'lif', { pool = { average = 2 } }, 'flatten', { linear = { features = 'classes' } }]";
    let checked = parse(&["network.encoder=direct", layers, "network.lif.leak=0.9"])?;
    let network = network(&checked)?;
    let state = network.state();
    let images = Var::from_tensor(&random(&[3, 1, 8, 8], 5)?)?;
    let labels = Tensor::new(&[2u32, 9, 0], &Device::Cpu)?;

    let of_step = |name: &str, t: usize| state[name].get(t)?.reshape((1, 4, 1, 1));
    let current = images.conv2d(&state["layers.0.weight"], 1, 1, 1, 1)?;
    let mut membrane = current.zeros_like()?;
    let mut logits = Tensor::zeros((3, 10), DType::F32, &Device::Cpu)?;
    for t in 0..5 {
        let deviation = (of_step("layers.1.running_var", t)? + 1e-4)?.sqrt()?;
        let slope = (of_step("layers.1.gamma", t)? / deviation)?;
        let normal = current.broadcast_sub(&of_step("layers.1.running_mean", t)?)?.broadcast_mul(&slope)?;
        membrane = (membrane.affine(0.9, 0.0)? + normal)?;
        let spikes = spike(&membrane.affine(1.0, -1.0)?)?;
        membrane = (membrane - spikes.detach())?;
        // Means of 2 x 2 by reshaping: candle's own pool has another gradient for some sizes.
        let pooled = spikes.reshape((3, 4, 4, 2, 4, 2))?.mean((3, 5))?.flatten_from(1)?;
        logits = (logits + pooled.matmul(&state["layers.5.weight"].t()?)?)?;
    }
    let loss = candle_nn::loss::cross_entropy(&(logits / 5.0)?, &labels)?;
    let expected = loss.backward()?.get(&images).expect("candle's gradient").clone();

    let draw = RandomKey { seed: 3, purpose: Purpose::PoissonAttack, epoch: 0, indices: &[0, 1, 2] };
    let found = network.input_gradient(images.as_tensor(), &labels, &draw)?;
    let largest = |x: &Tensor| x.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>();
    let (size, error) = (largest(&expected)?, largest(&(&expected - &found)?)?);
    assert!(size > 1e-3 && error < 1e-5 * size.max(1.0), "gradients up to {size}, off by {error:e}");
    Ok(())
}
