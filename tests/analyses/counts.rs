//! Time-steps that are not computed, and operations that are counted.

use super::{Result, network, parse, random};
use bntt::analysis::energy::{Meter, products};
use bntt::layers::LayerConfig;
use bntt::network::{LayerIo, Observer};
use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;

const INDICES: [u32; 3] = [4, 0, 7];

#[test]
fn fewer_time_steps_give_the_first_of_all_bit_by_bit() -> Result {
    for encoder in ["poisson", "direct"] {
        let checked = parse(&[&format!("network.encoder={encoder}")])?;
        let network = network(&checked)?;
        let images = random(&[3, 1, 8, 8], 5)?;
        let currents = |steps| network.evaluate_steps(&images, 0, &INDICES, steps, &mut ());
        let all = currents(5)?.0.to_vec3::<f32>()?;
        for steps in 1..=5 {
            assert_eq!(currents(steps)?.0.to_vec3::<f32>()?, all[..steps], "{encoder}, {steps} time-steps");
        }
        let refused = currents(6).unwrap_err().to_string();
        assert_eq!(refused, "6 time-steps: expected 1 to 5, the network's.");
        assert!(currents(0).is_err());
    }
    Ok(())
}

/// Keeps what every layer receives.
#[derive(Default)]
struct Keeper(BTreeMap<usize, Tensor>);

impl Observer for Keeper {
    fn layer(&mut self, io: &LayerIo<'_>) -> candle_core::Result<()> {
        let input = io.input.expect("an evaluation lends it");
        self.0.insert(io.index, input.to_dtype(DType::F32)?.contiguous()?);
        Ok(())
    }
}

#[test]
fn operations_and_gammas_of_layers_inside_residuals_are_those_of_the_layers() -> Result {
    let block = "{ conv = { channels = 6 } }, 'bntt', 'lif'";
    let layers = format!(
        "network.layers=[{block}, {{ residual = {{ layers = [{block}, {{ conv = {{ channels = 6 }} }}, 'bntt'], shortcut = [ \
         {{ conv = {{ channels = 6 }} }}, 'bntt' ] }} }}, 'lif', 'flatten', {{ linear = {{ features = 'classes' }} }}]"
    );
    let checked = parse(&[&layers])?;
    let network = network(&checked)?;
    let images = random(&[3, 1, 8, 8], 6)?;
    let products = products(&checked.experiment.network, &checked.plan);
    let mut meter = Meter::new(&products, 5);
    network.evaluate_steps(&images, 0, &INDICES, 5, &mut meter)?;
    let mut kept = ByName::default();
    network.evaluate_steps(&images, 0, &INDICES, 5, &mut kept)?;
    let convolutions = ["layers.0", "layers.3.residual.0", "layers.3.residual.3", "layers.3.shortcut.0"];
    for (product, (received, name)) in products.iter().zip(meter.received.iter().zip(convolutions)) {
        assert_eq!(product.name, format!("{name}.conv"));
        for t in 0..5 {
            assert_eq!(received.operations[t], by_convolving(&kept.0[name].get(t)?, 6, 1)?, "{name}, step {t}");
        }
        assert!(received.operations.iter().sum::<u64>() > 0, "{name}");
    }
    let neurons: Vec<_> = meter.spikes.iter().map(|spikes| (spikes.layer.as_str(), spikes.neurons)).collect();
    assert_eq!(neurons, [("layers.2.lif", 384), ("layers.3.residual.2.lif", 384), ("layers.4.lif", 384)]);
    let gammas: Vec<String> = network.gammas()?.into_iter().map(|(layer, _)| layer).collect();
    let bntt = ["1", "3.residual.1", "3.residual.4", "3.shortcut.1"];
    assert_eq!(gammas, bntt.map(|place| format!("layers.{place}.bntt")));
    Ok(())
}

/// Keeps what every layer receives, by its name.
#[derive(Default)]
struct ByName(BTreeMap<String, Tensor>);

impl Observer for ByName {
    fn layer(&mut self, io: &LayerIo<'_>) -> candle_core::Result<()> {
        let input = io.input.expect("an evaluation lends it");
        self.0.insert(io.name.into(), input.to_dtype(DType::F32)?.contiguous()?);
        Ok(())
    }
}

/// Operations of one time-step of a convolution's input [B, C, H, W]: ones where something is, convolved with ones.
fn by_convolving(input: &Tensor, channels: usize, stride: usize) -> Result<u64> {
    let there = input.ne(0f32)?.to_dtype(DType::F32)?;
    let ones = Tensor::ones((channels, input.dim(1)?, 3, 3), DType::F32, &Device::Cpu)?;
    Ok(there.conv2d(&ones, 1, stride, 1, 1)?.sum_all()?.to_scalar::<f32>()? as u64)
}

#[test]
fn operations_are_those_of_convolving_ones_before_pools_and_after() -> Result {
    let checked = parse(&[])?;
    let network = network(&checked)?;
    let images = random(&[3, 1, 8, 8], 6)?;
    let products = products(&checked.experiment.network, &checked.plan);
    let mut meter = Meter::new(&products, 5);
    network.evaluate_steps(&images, 0, &INDICES, 5, &mut meter)?;
    let mut kept = Keeper::default();
    network.evaluate_steps(&images, 0, &INDICES, 5, &mut kept)?;

    assert!(matches!(checked.experiment.network.layers[4], LayerConfig::Conv(_)));
    for t in 0..5 {
        let input = |layer: usize| kept.0[&layer].get(t);
        assert_eq!(meter.received[0].operations[t], by_convolving(&input(0)?, 6, 1)?, "layer 0, step {t}");
        assert_eq!(meter.received[1].operations[t], by_convolving(&input(4)?, 8, 2)?, "layer 4, step {t}");
        // Every spike before the pool by itself: four images, each of which has one corner of every window.
        let spikes = input(3)?.reshape((3, 6, 4, 2, 4, 2))?;
        let mut before = 0;
        for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let corner = spikes.narrow(3, y, 1)?.narrow(5, x, 1)?.reshape((3, 6, 4, 4))?;
            before += by_convolving(&corner, 8, 2)?;
        }
        assert_eq!(meter.received[1].before_pooling[t], before, "layer 4 before pooling, step {t}");
        let some =
            |x: Tensor| -> Result<u64> { Ok(x.ne(0f32)?.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()? as u64) };
        assert_eq!(meter.received[2].operations[t], 24 * some(input(10)?)?, "layer 10, step {t}");
        assert_eq!(meter.received[2].before_pooling[t], 24 * some(input(7)?)?, "layer 10 before pooling, step {t}");
        assert_eq!(meter.spikes[0].spikes[t], some(input(3)?)?, "spikes, step {t}");
    }
    Ok(())
}
