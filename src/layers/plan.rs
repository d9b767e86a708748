//! Shape inference and cost, before any memory is taken.

use super::{InitConfig, LayerConfig, LifConfig};
use crate::ops::Precision;
use crate::ops::lif::SpikeStorage;
use candle_core::{DType, Device};

/// A plan, or why the layer does not fit.
pub type PlanResult = Result<LayerPlan, PlanMistake>;

/// Why a layer does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanMistake {
    /// Where in the layer, as a key: `.residual.layers[1]` for one that it holds, nothing for itself.
    pub inside: String,
    /// A sentence.
    pub problem: String,
}

impl std::fmt::Display for PlanMistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for PlanMistake {}

impl From<String> for PlanMistake {
    fn from(problem: String) -> Self {
        Self { inside: String::new(), problem }
    }
}

impl From<&str> for PlanMistake {
    fn from(problem: &str) -> Self {
        problem.to_string().into()
    }
}

/// More numbers than this in one tensor are taken for a slip: 4 TiB of floats.
pub const MOST_NUMBERS: usize = 1 << 40;

/// How many numbers a tensor of these sizes has.
///
/// # Errors
/// More than `MOST_NUMBERS`: a sentence that begins with `what` the numbers are.
pub fn numbers(what: &str, sizes: &[usize]) -> Result<usize, String> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    product.filter(|&product| product <= MOST_NUMBERS).ok_or_else(|| {
        let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
        format!(
            "{what} would have {} numbers, and 2^40 are the most that are tried: make it smaller",
            sizes.join(" x ")
        )
    })
}

/// What flows between two layers, per image and time-step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceSpec {
    /// [C, H, W] or `[F]`.
    pub shape: Vec<usize>,
    /// Spikes are stored otherwise than currents: see [`Precision`].
    pub spikes: bool,
    /// Whether they are spikes that a convolution reads: a GPU may store them as what it multiplies.
    pub multiplied: bool,
    /// The same at every time-step, and so computed and kept once.
    pub constant: bool,
}

impl SequenceSpec {
    /// C, or F.
    pub fn channels(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    pub fn elements(&self) -> usize {
        self.shape.iter().fold(1, |product, &size| product.saturating_mul(size))
    }

    /// The type that the numbers are stored as.
    pub fn stored_as(&self, precision: Precision) -> DType {
        match self.spikes {
            true if self.storage(precision) == SpikeStorage::Floats => DType::F32,
            true => precision.spikes(),
            false => precision.currents(),
        }
    }

    /// How spikes are stored. Bytes are a quarter of floats to read and to keep, but cast twice on the way through a
    /// convolution: that takes longer where products are fast.
    pub fn storage(&self, precision: Precision) -> SpikeStorage {
        let floats = self.multiplied && precision == Precision::Tf32;
        if floats { SpikeStorage::Floats } else { SpikeStorage::Bytes }
    }

    /// Bytes of `batch` images over `time_steps`.
    pub fn bytes(&self, time_steps: usize, batch: usize, precision: Precision) -> usize {
        let steps = if self.constant { 1 } else { time_steps };
        let stored = self.stored_as(precision).size_in_bytes();
        self.elements().saturating_mul(stored).saturating_mul(steps).saturating_mul(batch)
    }

    /// The same signal as fresh currents: floats of another shape.
    pub fn currents(&self, shape: Vec<usize>) -> Self {
        Self { shape, spikes: false, multiplied: false, constant: self.constant }
    }

    /// "64 x 8 x 8" or "1024 features".
    pub fn describe(&self) -> String {
        match self.shape.as_slice() {
            [1] => "1 feature".into(),
            [features] => format!("{features} features"),
            dims => dims.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x "),
        }
    }

    /// [C, H, W], or a sentence that says what came instead.
    pub fn image(&self) -> Result<[usize; 3], String> {
        match self.shape.as_slice() {
            &[c, h, w] => Ok([c, h, w]),
            _ => Err(format!(
                "expects images (channels x height x width), but the layer before gives {}",
                self.describe()
            )),
        }
    }
}

/// One layer's place in the network.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerPlan {
    pub input: SequenceSpec,
    pub output: SequenceSpec,
    /// Learned numbers.
    pub parameters: usize,
    /// Multiply-accumulates per image and time-step.
    pub macs: u64,
    /// What backward keeps per image, beyond `parameters`: bytes that grow with T, and bytes that do not.
    pub kept: SavedForBackward,
    /// Whether the layer before does this one's work: its input never exists in memory.
    pub fused: bool,
    /// The layers of the lists that it holds: those of a residual's branch and of its shortcut.
    pub lists: Vec<Vec<LayerPlan>>,
}

/// Where, and on how much, a layer would compute.
pub struct Placement<'a> {
    pub on_gpu: bool,
    /// The GPU, where it is open.
    pub device: Option<&'a Device>,
    pub time_steps: usize,
    pub batch: usize,
    pub precision: Precision,
}

/// What a layer keeps from forward to backward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavedForBackward {
    Nothing,
    /// Its input.
    Input,
    /// A byte for every output element.
    OutputPlaces,
    /// A float for every input element, once for all time-steps.
    Mask,
    /// What the layers of its lists keep, and, where `factors`, what both lists put out, which were multiplied.
    Lists {
        factors: bool,
    },
}

impl LayerPlan {
    /// A layer without parameters or products.
    pub fn free(input: &SequenceSpec, output: SequenceSpec, kept: SavedForBackward) -> Self {
        Self { input: input.clone(), output, parameters: 0, macs: 0, kept, fused: false, lists: Vec::new() }
    }

    /// Bytes kept for backward.
    pub fn kept_bytes(&self, time_steps: usize, batch: usize, precision: Precision) -> usize {
        match self.kept {
            SavedForBackward::Nothing => 0,
            SavedForBackward::Input => self.input.bytes(time_steps, batch, precision),
            SavedForBackward::OutputPlaces => {
                let places = SequenceSpec { spikes: true, multiplied: false, ..self.output.clone() };
                places.bytes(time_steps, batch, Precision::F32)
            }
            SavedForBackward::Mask => self.input.elements().saturating_mul(4).saturating_mul(batch),
            SavedForBackward::Lists { factors } => {
                let layers = self.lists.iter().flatten().map(|layer| layer.kept_bytes(time_steps, batch, precision));
                let outputs = self.list_outputs().map(|output| output.bytes(time_steps, batch, precision));
                let all = layers.chain(outputs.filter(|_| factors)).fold(0, usize::saturating_add);
                // An input that several keep is one tensor.
                let again = self.input.bytes(time_steps, batch, precision);
                all.saturating_sub(again.saturating_mul(self.keepers(factors).saturating_sub(1)))
            }
        }
    }

    /// What each list puts out; of an empty one, the input.
    pub fn list_outputs(&self) -> impl Iterator<Item = &SequenceSpec> {
        self.lists.iter().map(|list| list.last().map_or(&self.input, |layer| &layer.output))
    }

    /// How many of those inside keep the input as it came.
    fn keepers(&self, factors: bool) -> usize {
        let keeps = |list: &Vec<Self>| list.first().map_or(factors, Self::keeps_input);
        self.lists.iter().filter(|list| keeps(list)).count()
    }

    fn keeps_input(&self) -> bool {
        match self.kept {
            SavedForBackward::Input => true,
            SavedForBackward::Lists { factors } => self.keepers(factors) > 0,
            _ => false,
        }
    }
}

/// What every layer may need to know about the network it is built into.
#[derive(Clone, Copy)]
pub struct BuildContext<'a> {
    pub time_steps: usize,
    pub classes: usize,
    pub seed: u64,
    pub init: InitConfig,
    pub device: &'a Device,
    pub precision: Precision,
    /// Place in the list of layers.
    pub index: usize,
    /// The list: `layers`, or `layers.3.residual`. Names of tensors begin with it.
    pub list: &'a str,
    /// The layers that follow in the list.
    pub following: &'a [LayerConfig],
    /// The neurons that read what a list puts out that another layer holds, if any.
    pub neurons_behind: Option<&'a LifConfig>,
}

impl<'a> BuildContext<'a> {
    /// The same for the layer at `index` of a list.
    pub fn at(&self, index: usize, layers: &'a [LayerConfig]) -> Self {
        Self { index, following: layers.get(index.saturating_add(1)..).unwrap_or_default(), ..*self }
    }

    /// The neurons that a normalisation feeds: the next LIF layer, if any.
    pub fn next_lif(&self) -> Option<&'a LifConfig> {
        first_lif(self.following).or(self.neurons_behind)
    }
}

/// The first neurons of `layers`, or of the lists that they hold.
fn first_lif(layers: &[LayerConfig]) -> Option<&LifConfig> {
    layers.iter().find_map(|layer| match layer {
        LayerConfig::Lif(lif) => Some(lif),
        other => other.spec().lists().into_iter().find_map(|(_, list)| first_lif(list)),
    })
}
