//! Residual layers: PyTorch's numbers for each way of joining, plans by hand, names and seeds, sentences.

mod blocks;
mod oracle;
mod repeats;
mod sentences;
mod words;

use bntt::layers::{BuildContext, Chain, LayerConfig, LayerPlan, SequenceSpec, plan_chain};
use candle_core::{Device, Tensor};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn layers(text: &str) -> Result<Vec<LayerConfig>> {
    #[derive(serde::Deserialize)]
    struct File {
        layers: Vec<LayerConfig>,
    }
    let File { layers } = toml::from_str(&format!("layers = {text}"))?;
    Ok(layers)
}

const CONTEXT: BuildContext<'_> = BuildContext {
    time_steps: 4,
    classes: 5,
    seed: 0,
    init: bntt::layers::InitConfig::XavierUniform(bntt::layers::XavierUniform { gain: 2.0 }),
    device: &Device::Cpu,
    precision: bntt::ops::Precision::F32,
    index: 0,
    list: "layers",
    following: &[],
    neurons_behind: None,
};

fn currents(shape: &[usize], constant: bool) -> SequenceSpec {
    SequenceSpec { shape: shape.to_vec(), spikes: false, multiplied: false, constant }
}

fn planned(text: &str, input: &SequenceSpec) -> Result<(Vec<LayerConfig>, Vec<LayerPlan>)> {
    let layers = layers(text)?;
    let plans = plan_chain(&layers, input, &CONTEXT).map_err(|(_, mistake)| mistake)?;
    Ok((layers, plans))
}

fn built(text: &str, input: &SequenceSpec) -> Result<Chain> {
    let (layers, plans) = planned(text, input)?;
    Ok(Chain::build(&layers, &plans, &CONTEXT)?)
}

/// The largest difference, relative to the expected tensor's largest magnitude, may be `within`.
fn assert_close(expected: &Tensor, found: &Tensor, within: f32, what: &str) -> Result {
    assert_eq!(expected.dims(), found.dims(), "{what}");
    let largest = expected.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?.max(1e-6);
    let difference = (expected - found)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()? / largest;
    assert!(difference <= within, "{what}: relative difference {difference:e}, allowed {within:e}");
    Ok(())
}
