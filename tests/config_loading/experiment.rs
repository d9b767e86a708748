//! A small file type with every feature of the real one.

use bntt::config::{self, Loaded, SharedDefaults};
use bntt::error::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const SHARED: SharedDefaults = SharedDefaults {
    list: "network.layers",
    tables: &[("lif", "network.lif"), ("bntt", "network.bntt")],
    stand_ins: &[],
    words: &[],
};

/// An experiment.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// What the run is called.
    pub name: String,
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub data: Data,
    pub network: Network,
    #[serde(default)]
    pub optimizer: Optimizer,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// The most images.
    pub limit: Option<Limit>,
    pub mean: Option<[f64; 3]>,
    pub flip: bool,
    pub note: Option<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limit {
    pub train: Option<u32>,
    pub test: Option<u32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    #[schemars(range(min = 1))]
    pub time_steps: usize,
    #[serde(default)]
    pub encoder: Encoder,
    #[serde(default)]
    pub lif: Lif,
    #[serde(default)]
    pub bntt: Bntt,
    pub layers: Vec<Layer>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoder {
    Direct(Direct),
    Poisson(Poisson),
}

impl Default for Encoder {
    fn default() -> Self {
        Self::Direct(Direct {})
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Direct {}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Poisson {
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub scale: f32,
}

impl Default for Poisson {
    fn default() -> Self {
        Self { scale: 1.0 }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lif {
    /// Share of the membrane potential kept per time-step.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub leak: f32,
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub threshold: f32,
    pub input: Input,
    pub surrogate: Surrogate,
    pub trace: Trace,
}

impl Default for Lif {
    fn default() -> Self {
        let surrogate = Surrogate::Triangle(Triangle { height: 0.3 });
        Self { leak: 0.95, threshold: 1.0, input: Input::Unit, surrogate, trace: Trace { from: 0, to: 1 } }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Trace {
    pub from: u8,
    pub to: u8,
}

impl Default for Trace {
    fn default() -> Self {
        Self { from: 0, to: 1 }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The current as it is.
    Unit,
    /// The current times 1 - leak.
    OneMinusLeak,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Surrogate {
    Triangle(Triangle),
    Atan(Atan),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Triangle {
    pub height: f32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Atan {
    pub width: f32,
}

impl Default for Atan {
    fn default() -> Self {
        Self { width: 2.0 }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bntt {
    pub eps: f32,
}

impl Default for Bntt {
    fn default() -> Self {
        Self { eps: 1e-4 }
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    Conv(Conv),
    Bntt(Bntt),
    Lif(Lif),
    Pool(Pool),
    Flatten(Direct),
    Linear(Linear),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conv {
    #[schemars(range(min = 1))]
    pub channels: usize,
    #[serde(default)]
    pub bias: bool,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    Average(usize),
    GlobalAverage(Direct),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    pub features: Features,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Features {
    Classes(Classes),
    Number(#[schemars(range(min = 1))] usize),
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Classes {
    Classes,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    Sgd(Sgd),
    Adam(Adam),
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    #[serde(default)]
    pub momentum: f64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    pub lr: f64,
    pub betas: (f64, f64),
}

impl Default for Adam {
    fn default() -> Self {
        Self { lr: 1e-3, betas: (0.9, 0.999) }
    }
}

pub const COMPLETE: &str = r#"name = "small"
[network]
time_steps = 4
lif = { leak = 0.9 }
layers = [
  { conv = { channels = 8 } }, "bntt", "lif",
  { pool = { average = 2 } },
  "flatten", { linear = { features = "classes" } },
]
"#;

pub fn parse(text: &str, overrides: &[&str]) -> Result<Loaded<Experiment>> {
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    config::parse(text, "a.toml", &overrides, &SHARED)
}

/// All mistakes as the user sees them.
pub fn messages<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
    match result.expect_err("there should be mistakes") {
        Error::Config(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        other => panic!("not a mistake of the file: {other}"),
    }
}

/// The mistakes of `COMPLETE` with `from` replaced by `to`.
pub fn mistakes_with(from: &str, to: &str) -> Vec<String> {
    assert!(COMPLETE.contains(from), "{from}");
    messages(parse(&COMPLETE.replace(from, to), &[]))
}

pub fn mistakes_of(overrides: &[&str]) -> Vec<String> {
    messages(parse(COMPLETE, overrides))
}
