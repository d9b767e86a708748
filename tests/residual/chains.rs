//! Lists of layers from a text, planned and built.

use bntt::layers::{BuildContext, Chain, LayerConfig, LayerPlan, SequenceSpec, plan_chain};
use candle_core::Device;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn layers(text: &str) -> Result<Vec<LayerConfig>> {
    #[derive(serde::Deserialize)]
    struct File {
        layers: Vec<LayerConfig>,
    }
    let File { layers } = toml::from_str(&format!("layers = {text}"))?;
    Ok(layers)
}

/// What layers of 4 time-steps are built with.
pub const CONTEXT: BuildContext<'_> = BuildContext {
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

pub fn currents(shape: &[usize], constant: bool) -> SequenceSpec {
    SequenceSpec { shape: shape.to_vec(), spikes: false, multiplied: false, constant }
}

pub fn planned(text: &str, input: &SequenceSpec) -> Result<(Vec<LayerConfig>, Vec<LayerPlan>)> {
    let layers = layers(text)?;
    let plans = plan_chain(&layers, input, &CONTEXT).map_err(|(_, mistake)| mistake)?;
    Ok((layers, plans))
}

pub fn built(text: &str, input: &SequenceSpec) -> Result<Chain> {
    let (layers, plans) = planned(text, input)?;
    Ok(Chain::build(&layers, &plans, &CONTEXT)?)
}
