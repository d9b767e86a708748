//! A branch of layers and a shortcut past it, joined: residual blocks.

use super::chain::{Chain, plan as plan_chain};
use super::plan::{PlanMistake, PlanResult, SavedForBackward};
use super::{
    BuildContext, ForwardContext, Layer, LayerConfig, LayerPlan, LayerSpec, Observer, Output, SavedTensors,
    SequenceSizes, SequenceSpec, Traffic,
};
use crate::ops::join::{self, Join};
use crate::ops::sum_over_time::sum_over_time;
use crate::rng::{Purpose, Stream};
use candle_core::{DType, Result, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Two branches that receive the same sequence X, joined: Y = join(layers(X), shortcut(X)), with the equations of
/// [`crate::ops::join`]. Both must give one shape.
///
/// With norms and LIF neurons in the branch and spikes joined it is the block of SEW-ResNet (Fang et al. 2021, arXiv
/// 2102.04159), with neurons first and currents added that of MS-ResNet (Hu et al. 2021, arXiv 2112.08954), with a
/// `tdbn` last in the branch and neurons behind the block that of the tdBN-ResNet (Zheng et al. 2021, arXiv
/// 2011.05280).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResidualConfig {
    /// How branch A and shortcut B become one: the sum A + B, which is a current; or, of spikes, the spikes A B (and)
    /// or B (1 - A) (iand).
    #[serde(default = "add")]
    pub join: Join,
    /// The layers of the branch, first to last.
    #[schemars(length(min = 1))]
    pub layers: Vec<LayerConfig>,
    /// The layers of the shortcut; none, and it hands its input on.
    #[serde(default)]
    pub shortcut: Vec<LayerConfig>,
}

fn add() -> Join {
    Join::Add
}

/// Where the seed of a list comes from, besides the layer's place and the seed of the list that the layer stands in.
#[derive(Debug, Clone, Copy)]
enum Side {
    Branch = 0,
    Shortcut = 1,
}

/// The seed of a list's random numbers: its layers count from 0 as those around it do. Two words of a permutation of
/// all counters under the seed outside, so that seeds repeat by no pattern, only with the chance of 2^-64.
fn nested_seed(seed: u64, index: usize, side: Side) -> u64 {
    let [low, high, ..] = Stream::new(seed, Purpose::NestedList, index, 0, side as usize).block(0);
    u64::from(high) << 32 | u64::from(low)
}

impl ResidualConfig {
    /// The layers of both sides, under the names of their tensors.
    fn sides(&self) -> [(&'static str, Side, &[LayerConfig]); 2] {
        [("residual", Side::Branch, &self.layers), ("shortcut", Side::Shortcut, &self.shortcut)]
    }

    fn plan_side(
        &self,
        key: &str,
        layers: &[LayerConfig],
        input: &SequenceSpec,
        context: &BuildContext,
    ) -> std::result::Result<Vec<LayerPlan>, PlanMistake> {
        let nested = BuildContext { neurons_behind: context.next_lif(), ..*context };
        plan_chain(layers, input, &nested).map_err(|(index, PlanMistake { inside, problem })| {
            let kind = layers.get(index).map_or("", |layer| layer.kind().name());
            let inside = format!(".residual.{key}[{index}]{inside}");
            PlanMistake { inside, problem: format!("{kind}, number {index} of its {key}: {problem}") }
        })
    }

    fn mistake(&self, branch: &SequenceSpec, shortcut: &SequenceSpec) -> Option<String> {
        if branch.shape != shortcut.shape {
            let (branch, shortcut) = (branch.describe(), shortcut.describe());
            return Some(format!(
                "its layers give {branch} and its shortcut {shortcut}: both must have one shape. Give the shortcut layers that \
                 change the shape as the branch does"
            ));
        }
        let currents = match (branch.spikes, shortcut.spikes) {
            _ if self.join == Join::Add => return None,
            (true, true) => return None,
            (false, true) => "its layers give currents",
            (true, false) => "its shortcut gives currents",
            (false, false) => "both sides give currents",
        };
        let join = self.join.name();
        Some(format!("join = {join:?} takes spikes, and {currents}: end with a lif there, or use join = \"add\""))
    }
}

impl LayerSpec for ResidualConfig {
    fn plan(&self, input: &SequenceSpec, context: &BuildContext) -> PlanResult {
        if self.layers.is_empty() {
            return Err("its layers are none: a branch needs at least one".into());
        }
        let lists = vec![
            self.plan_side("layers", &self.layers, input, context)?,
            self.plan_side("shortcut", &self.shortcut, input, context)?,
        ];
        let factors = self.join != Join::Add;
        let plan = LayerPlan { lists, ..LayerPlan::free(input, input.clone(), SavedForBackward::Lists { factors }) };
        let outputs: Vec<SequenceSpec> = plan.list_outputs().cloned().collect();
        let [branch, shortcut] = outputs.as_slice() else { return Err("it has no two sides".into()) };
        if let Some(problem) = self.mistake(branch, shortcut) {
            return Err(problem.into());
        }
        let constant = branch.constant && shortcut.constant;
        let output = SequenceSpec { spikes: factors, multiplied: false, constant, ..branch.clone() };
        let layers = || plan.lists.iter().flatten();
        let parameters = layers().map(|layer| layer.parameters).fold(0, usize::saturating_add);
        let macs = layers().map(|layer| layer.macs).fold(0, u64::saturating_add);
        Ok(LayerPlan { output, parameters, macs, ..plan })
    }

    fn build(&self, plan: &LayerPlan, context: &BuildContext) -> Result<Box<dyn Layer>> {
        let side = |(name, side, layers): (&str, Side, &[LayerConfig])| {
            let list = format!("{}.{}.{name}", context.list, context.index);
            let seed = nested_seed(context.seed, context.index, side);
            let nested = BuildContext { seed, list: &list, neurons_behind: context.next_lif(), ..*context };
            Chain::build(layers, plan.lists.get(side as usize).map_or(&[], Vec::as_slice), &nested)
        };
        let [branch, shortcut] = self.sides();
        Ok(Box::new(Residual {
            join: self.join,
            branch: side(branch)?,
            shortcut: side(shortcut)?,
            index: context.index,
            dtype: plan.output.stored_as(context.precision),
        }))
    }

    fn lists(&self) -> Vec<(&'static str, &[LayerConfig])> {
        self.sides().map(|(name, _, layers)| (name, layers)).into()
    }

    /// What joining moves; the layers inside move the rest.
    fn traffic(&self, sizes: &SequenceSizes<'_>, _: Option<&SequenceSpec>) -> Traffic {
        sizes.join(self.join != Join::Add)
    }
}

/// A [`ResidualConfig`] with weights.
pub struct Residual {
    join: Join,
    branch: Chain,
    shortcut: Chain,
    index: usize,
    /// What the output is stored as.
    dtype: DType,
}

impl Residual {
    fn join(&self, branch: &Tensor, shortcut: &Tensor) -> Result<Output> {
        Ok(join::forward(branch, shortcut, self.join, self.dtype)?.into())
    }

    /// What the way back needs, besides what the layers inside saved.
    fn saved(&self, branch: Tensor, shortcut: Tensor, lists: [Vec<SavedTensors>; 2]) -> SavedTensors {
        let own = if self.join == Join::Add { SavedTensors::nothing() } else { SavedTensors::new([branch, shortcut]) };
        own.with_lists(lists)
    }

    /// The gradients of what branch and shortcut have put out.
    fn gradients(&self, saved: SavedTensors, grad: Tensor) -> Result<(Tensor, Tensor)> {
        if self.join == Join::Add {
            return Ok((grad.clone(), grad));
        }
        let [branch, shortcut] = saved.take()?;
        join::gradients(&grad, &branch, &shortcut, self.join)
    }
}

/// The sum of the input's gradients by both sides: of one time-step where one of them is, which stands for the sum over
/// time.
fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (a, b) = match (a.dim(0)?, b.dim(0)?) {
        (1, steps) if steps > 1 => (a.clone(), sum_over_time(b)?),
        (steps, 1) if steps > 1 => (sum_over_time(a)?, b.clone()),
        _ => (a.clone(), b.clone()),
    };
    join::forward(&a, &b, Join::Add, a.dtype())
}

impl Layer for Residual {
    fn evaluate(&self, x: &Tensor) -> Result<Output> {
        self.evaluate_observed(x, &mut ())
    }

    fn evaluate_observed(&self, x: &Tensor, observer: &mut dyn Observer) -> Result<Output> {
        let branch = self.branch.evaluate(x.clone(), observer)?;
        self.join(&branch, &self.shortcut.evaluate(x.clone(), observer)?)
    }

    fn evaluate_saving(&self, x: Tensor) -> Result<(Output, SavedTensors)> {
        let (branch, of_branch) = self.branch.evaluate_saving(x.clone())?;
        let (shortcut, of_shortcut) = self.shortcut.evaluate_saving(x)?;
        Ok((self.join(&branch, &shortcut)?, self.saved(branch, shortcut, [of_branch, of_shortcut])))
    }

    fn input_gradient(&self, saved: SavedTensors, grad: Tensor) -> Result<Tensor> {
        let ([of_branch, of_shortcut], own) = saved.take_lists()?;
        let (branch, shortcut) = self.gradients(own, grad)?;
        let by_shortcut = self.shortcut.input_gradient(of_shortcut, shortcut)?;
        sum(&self.branch.input_gradient(of_branch, branch)?, &by_shortcut)
    }

    fn forward(&mut self, x: Tensor, context: &ForwardContext<'_>) -> Result<(Output, SavedTensors)> {
        self.forward_observed(x, context, &mut ())
    }

    fn forward_observed(
        &mut self,
        x: Tensor,
        context: &ForwardContext<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(Output, SavedTensors)> {
        let nested = |side| ForwardContext { seed: nested_seed(context.seed, self.index, side), ..*context };
        let (inside, beside) = (nested(Side::Branch), nested(Side::Shortcut));
        let (branch, of_branch) = self.branch.forward(x.clone(), &inside, observer)?;
        let (shortcut, of_shortcut) = self.shortcut.forward(x, &beside, observer)?;
        Ok((self.join(&branch, &shortcut)?, self.saved(branch, shortcut, [of_branch, of_shortcut])))
    }

    fn backward(&mut self, saved: SavedTensors, grad: Tensor, wanted: bool) -> Result<Option<Tensor>> {
        self.backward_observed(saved, grad, wanted, &mut ())
    }

    fn backward_observed(
        &mut self,
        saved: SavedTensors,
        grad: Tensor,
        wanted: bool,
        observer: &mut dyn Observer,
    ) -> Result<Option<Tensor>> {
        let ([of_branch, of_shortcut], own) = saved.take_lists()?;
        let (branch, shortcut) = self.gradients(own, grad)?;
        let by_shortcut = self.shortcut.backward(of_shortcut, shortcut, wanted, observer)?;
        let by_branch = self.branch.backward(of_branch, branch, wanted, observer)?;
        by_branch.zip(by_shortcut).filter(|_| wanted).map(|(a, b)| sum(&a, &b)).transpose()
    }

    fn chains(&self) -> Vec<&Chain> {
        vec![&self.branch, &self.shortcut]
    }

    fn chains_mut(&mut self) -> Vec<&mut Chain> {
        vec![&mut self.branch, &mut self.shortcut]
    }
}
