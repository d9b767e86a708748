//! Networks of rectified linear units that become networks of spiking neurons.

use super::commands::{json, refused, said};
use super::{Result, TEXT, network, parse, random};
use bntt::analysis::conversion::{ConversionEncoder, ConversionOptions, activations, convert};
use bntt::data::Batches;
use bntt::layers::LayerConfig;
use bntt::network::{LayerIo, Network, NetworkPlan, Observer};
use candle_core::{DType, Device, Tensor};
use std::collections::BTreeMap;

/// What layers give: by their names, in `f32`.
#[derive(Default)]
struct Outputs(BTreeMap<String, Tensor>);

impl Observer for Outputs {
    fn layer(&mut self, io: &LayerIo<'_>) -> candle_core::Result<()> {
        let name = io.neurons.unwrap_or(io.name).trim_end_matches(".lif").to_string();
        self.0.insert(name, io.output.sequence.to_dtype(DType::F32)?.contiguous()?);
        Ok(())
    }
}

const LAYERS: &str = "network.layers=[{ conv = { channels = 6 } }, 'batch_norm', 'lif', { pool = { average = 2 } }, \
    { conv = { channels = 8, bias = true } }, 'lif', 'flatten', { linear = { features = 24, bias = true } }, 'batch_norm', 'lif', \
    { linear = { features = 'classes' } }]";

/// The first neurons receive the same current at every time-step: their rate is the activation by the threshold to one
/// spike in T, cut at 1. What follows is linear up to the next neurons, and the logits approach those of the network.
#[test]
fn rates_are_activations_by_thresholds_and_logits_approach_those_of_the_network() -> Result {
    let checked = parse(&["network.neuron=relu", LAYERS, "network.batch_norm.beta=true"])?;
    let ann = network(&checked)?;
    let dataset = checked.experiment.load_data()?;
    let batches = Batches::evaluate(&dataset.train, &checked.experiment.data, &Device::Cpu)?;
    let found = activations(&ann, &checked.experiment.network, &batches)?;
    assert_eq!(found.images, 96);
    let images = batches.batch(0)?.inputs;
    let indices: Vec<u32> = (0..images.dim(0)? as u32).collect();
    let mut expected = Outputs::default();
    let (logits, _) = ann.evaluate_steps(&images, 0, &indices, 1, &mut expected)?;
    let logits = logits.get(0)?;

    for (encoder, within) in
        [(ConversionEncoder::Direct, [0.6, 0.12, 0.02]), (ConversionEncoder::Poisson, [1.5, 0.5, 0.15])]
    {
        for (time_steps, within) in [4, 32, 256].into_iter().zip(within) {
            let options = ConversionOptions { time_steps, percentile: 100.0, encoder };
            let converted = convert(&checked.experiment, &ann.state(), &found, options)?;
            let config = &converted.experiment.network;
            let plan = NetworkPlan::new(config, &checked.shape, Default::default()).map_err(|m| format!("{m:?}"))?;
            let mut snn = Network::build(config, plan, 0, &Device::Cpu)?;
            snn.load_state(&converted.model)?;
            let mut outputs = Outputs::default();
            let (steps, _) = snn.evaluate_steps(&images, 0, &indices, time_steps, &mut outputs)?;
            if encoder == ConversionEncoder::Direct {
                let rates = outputs.0["layers.2"].mean(0)?;
                let LayerConfig::Lif(lif) = &config.layers[2] else { return Err("neurons".into()) };
                let exact = (expected.0["layers.2"].get(0)? / lif.threshold.start())?;
                let error = (rates - exact)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
                // The threshold is the largest activation, so that none is cut.
                assert!(f64::from(error) <= 1.0 / time_steps as f64 + 1e-4, "T {time_steps}: rates are off by {error}");
            }
            let largest = logits.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
            let mean = (steps.mean(0)? - &logits)?.abs()?.mean_all()?.to_scalar::<f32>()? / largest;
            assert!(mean < within, "{encoder:?}, T {time_steps}: logits are off by {mean} of the largest");
        }
    }
    Ok(())
}

/// A byte an element of each unit, and four an element of what convolutions and linear layers read.
#[test]
fn a_training_step_keeps_what_the_plan_says() -> Result {
    let layers = "network.layers=[{ conv = { channels = 6 } }, 'lif', { pool = { average = 2 } }, 'flatten', \
                  { linear = { features = 24 } }, 'lif', { linear = { features = 'classes' } }]";
    let checked = parse(&["network.neuron=relu", layers])?;
    let mut network = network(&checked)?;
    let (_, tape, _) = network.forward(&random(&[3, 1, 8, 8], 5)?, 0, &[0, 1, 2], &mut ())?;
    let by_hand = 3 * (4 * 64 + 6 * 64 + 4 * 6 * 16 + 24 + 4 * 24);
    assert_eq!([tape.bytes(), checked.plan.kept_bytes(3)], [by_hand, by_hand]);
    Ok(())
}

/// One neuron of one weight, by hand: 0.5 x at the threshold 2 fires at steps 4, 8, ... for x = 1 and never for x = -1.
#[test]
fn neurons_integrate_and_fire_as_by_hand() -> Result {
    let layers =
        "network.layers=['flatten', { linear = { features = 1 } }, 'lif', { linear = { features = 'classes' } }]";
    let checked = parse(&["network.neuron=relu", layers])?;
    let mut ann = network(&checked)?;
    let mut state = ann.state();
    let mut row = vec![0f32; 64];
    row[0] = 0.5;
    state.insert("layers.1.weight".into(), Tensor::from_vec(row, (1, 64), &Device::Cpu)?);
    state.insert("layers.3.weight".into(), Tensor::ones((10, 1), DType::F32, &Device::Cpu)?);
    ann.load_state(&state)?;
    // The largest pixel of one image is 4: activation 2.
    let one = |value: f32| -> Result<Tensor> {
        let mut pixels = vec![0f32; 64];
        pixels[0] = value;
        Ok(Tensor::from_vec(pixels, (1, 1, 8, 8), &Device::Cpu)?)
    };
    let mut found = activations(
        &ann,
        &checked.experiment.network,
        &Batches::evaluate(&checked.experiment.load_data()?.train, &checked.experiment.data, &Device::Cpu)?,
    )?;
    let histogram = found.layers.entry(2).or_default();
    *histogram = Default::default();
    histogram.add(&Tensor::new(&[0f32, 2.0, 1.0], &Device::Cpu)?)?;
    let options = ConversionOptions { time_steps: 9, percentile: 100.0, encoder: ConversionEncoder::Direct };
    let converted = convert(&checked.experiment, &ann.state(), &found, options)?;
    assert_eq!(converted.thresholds, [("layers.2.lif".to_string(), 2.0)]);
    // A spike stands for 2.
    assert_eq!(converted.model["layers.3.weight"].to_vec2::<f32>()?[0], [2.0]);
    let config = &converted.experiment.network;
    let plan = NetworkPlan::new(config, &checked.shape, Default::default()).map_err(|m| format!("{m:?}"))?;
    let mut snn = Network::build(config, plan, 0, &Device::Cpu)?;
    snn.load_state(&converted.model)?;
    let fired = |value: f32| -> Result<Vec<f32>> {
        let mut outputs = Outputs::default();
        snn.evaluate_steps(&one(value)?, 0, &[0], 9, &mut outputs)?;
        Ok(outputs.0["layers.2"].flatten_all()?.to_vec1()?)
    };
    // 0.5, 1, 1.5, 2 (not above it), 2.5: fires, 0.5 is left; and so on.
    assert_eq!(fired(1.0)?, [0., 0., 0., 0., 1., 0., 0., 0., 1.]);
    assert_eq!(fired(-1.0)?, [0.; 9]);
    assert_eq!(fired(8.0)?, [1.; 9]);
    Ok(())
}

#[test]
fn a_converted_run_agrees_with_its_source_and_is_taken_by_every_command() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    std::fs::write(path.join("small.toml"), TEXT)?;

    let trained = ["network.neuron=relu", "data.limit={ train = 1000, test = 200 }", "training.epochs=4", LAYERS];
    said(path, &[&["run", "small.toml"][..], &trained].concat())?;
    let log = std::fs::read_to_string(path.join("runs/small/v0001/log.txt"))?;
    assert!(log.contains("a network without spikes: rectified linear units in the place of lif neurons"), "{log}");
    said(path, &["convert", "runs/small/v0001", "--time-steps", "256"])?;
    let report =
        json(path, &["convert", "runs/small/v0001", "--time-steps", "8", "--percentile", "99.9", "--format", "json"])?;
    assert_eq!(report["thresholds"].as_object().map(|found| found.len()), Some(3), "{report}");
    let top1 = |run: &str| -> Result<f64> {
        Ok(json(path, &["eval", run, "--format", "json"])?["top1"].as_f64().ok_or("a number")?)
    };
    let (ann, long) = (top1("runs/small/v0001")?, top1("runs/small/v0002")?);
    assert!(ann > 85.0, "{ann}");
    assert!((ann - long).abs() <= 1.0, "{ann} % and {long} % at T 256");
    // Image by image.
    let images = random(&[40, 1, 8, 8], 3)?.affine(0.5, 0.5)?;
    candle_core::safetensors::save(&std::collections::HashMap::from([("images", images)]), path.join("i.safetensors"))?;
    let labels = |run: &str, output: &str| -> Result<Vec<u32>> {
        let output = path.join(output);
        let words = ["predict", run, "--input", "i.safetensors", "--output"];
        said(path, &[&words[..], &[output.to_str().ok_or("a path")?]].concat())?;
        Ok(candle_core::safetensors::load(output, &Device::Cpu)?["labels"].to_vec1::<u32>()?)
    };
    let (of_ann, of_snn) = (labels("runs/small/v0001", "a.safetensors")?, labels("runs/small/v0002", "b.safetensors")?);
    let same = of_ann.iter().zip(&of_snn).filter(|(a, b)| a == b).count();
    assert!(same >= 38, "{same} of 40 images have the same label");

    let provenance = std::fs::read_to_string(path.join("runs/small/v0002/provenance.json"))?;
    for part in
        ["\"outcome\": \"converted\"", "\"percentile\": 99.9", "runs/small/v0001", "model_sha256", "layers.2.lif"]
    {
        assert!(provenance.contains(part), "{part}: {provenance}");
    }
    let list = said(path, &["list"])?;
    assert_eq!(list.matches("converted").count(), 2, "{list}");
    let energy = ["energy", "runs/small/v0003", "--ann", "runs/small/v0001"];
    let both = json(path, &[&energy[..], &["--format", "json"]].concat())?;
    assert_eq!(both["ann"]["top1"].as_f64(), Some(ann));
    assert_eq!(both["top1"].as_f64(), Some(top1("runs/small/v0003")?));
    let macs = both["layers"].as_array().ok_or("layers")?.iter().map(|layer| layer["macs"].as_u64().unwrap_or(0)).sum();
    assert_eq!(both["ann"]["macs"].as_u64(), Some(macs));
    assert!((both["ann"]["energy"].as_f64().ok_or("energy")? - 4.6 * macs as f64).abs() < 1e-6 * macs as f64);
    assert!(both["ann"]["operations"].as_f64().ok_or("operations")? < macs as f64);
    let text = said(path, &energy)?;
    assert!(text.contains("The trained ANN takes"), "{text}");
    said(path, &["early-exit", "runs/small/v0003"])?;
    let doctor = said(path, &["doctor", "runs/small/v0003"])?;
    assert!(doctor.contains("complete: it was converted from another run"), "{doctor}");
    said(path, &["attack", "runs/small/v0003", "--fgsm", "data.limit.test=20"])?;

    for (words, expected) in [
        (&["resume", "runs/small/v0002"][..], "was converted from another run: there is no training to go on with"),
        (
            &["convert", "runs/small/v0002", "--time-steps", "4"],
            "a network of one time-step and direct coding was expected",
        ),
        (
            &["convert", "runs/small/v0001", "--time-steps", "4", "--percentile", "0"],
            "--percentile: expected a number above 0",
        ),
        (
            &["convert", "runs/small/v0001", "--time-steps", "4", "--percentile", "1"],
            "and no threshold follows from that",
        ),
        (&["convert", "runs/small/v0001"], "--time-steps"),
        (&["energy", "runs/small/v0001"], "expected a network of spiking neurons, found one without spikes"),
        (
            &["energy", "runs/small/v0002", "--ann", "runs/small/v0003"],
            "--ann runs/small/v0003: expected a network without spikes",
        ),
    ] {
        let told = refused(path, words)?;
        assert!(told.contains(expected), "{words:?}: {told}");
    }
    Ok(())
}

#[test]
fn networks_that_there_is_no_rule_for_are_refused_with_the_layer() -> Result {
    let told = |layers: &str| -> Result<String> {
        let checked = parse(&["network.neuron=relu", &format!("network.layers={layers}")])?;
        let refused = bntt::analysis::conversion::check(&checked.experiment.network);
        Ok(refused.err().map_or_else(String::new, |error| error.to_string()))
    };
    let end = "'flatten', { linear = { features = 'classes' } }";
    let max = told(&format!("[{{ conv = {{ channels = 3 }} }}, 'lif', {{ pool = {{ max = 2 }} }}, {end}]"))?;
    assert!(max.contains("network.layers[2] pool: the largest of a window's spikes"), "{max}");
    let residual = "{ residual = { layers = [{ conv = { channels = 3 } }] } }";
    let residual = told(&format!("[{{ conv = {{ channels = 3 }} }}, 'lif', {residual}, {end}]"))?;
    assert!(residual.contains("network.layers[2] residual: there is no rule for residual layers"), "{residual}");
    assert_eq!(told(&format!("[{{ conv = {{ channels = 3 }} }}, 'bntt', 'lif', {end}]"))?, "");
    Ok(())
}
