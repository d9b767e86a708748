//! A list of layers, one after the other: planned, built and run. A network is a chain behind an encoder; a layer that
//! holds layers of its own, such as a residual block, holds a chain.

use super::observer::{LayerIo, Observer};
use super::plan::{BuildContext, LayerPlan, PlanMistake, SavedForBackward, SequenceSpec, numbers};
use super::{ForwardContext, LEAK_LOGIT, Layer, LayerConfig, Output, Parameter, SavedTensors, THRESHOLD};
use crate::ops::loss::{FiringRateConfig, with_spike_gradient};
use crate::ops::pool::Window;
use candle_core::{Result, Tensor};

/// Layers with their weights.
pub struct Chain {
    nodes: Vec<Node>,
    /// Whether another layer holds it.
    nested: bool,
    /// What is paid for spikes.
    firing_rate: FiringRateConfig,
    /// The first layer that gradients are needed of: the first at all, unless layers are frozen.
    first_trained: usize,
}

/// A layer, or a norm fused with its LIF layer.
struct Node {
    place: Place,
    layer: Box<dyn Layer>,
    /// Whether it computes in training what it does in evaluation, and learns nothing.
    frozen: bool,
}

/// Where a layer stands.
struct Place {
    /// Its place in the list; of fused ones, the norm's.
    index: usize,
    /// `layers.3`, the prefix of its tensors' names.
    name: String,
    /// `layers.4.lif`, where it gives spikes of its own.
    neurons: Option<String>,
    /// `layers.4`, the prefix of what its neurons learn.
    neurons_name: String,
}

/// A layer that does not fit: its place in the list, and why.
pub type ChainMistake = (usize, PlanMistake);

/// Infers the shapes and costs of `layers` on sequences of `input`. `context` is that of the list; its place and what
/// follows are set for each layer.
///
/// # Errors
/// The first layer that does not fit: shapes after it are unknown.
pub fn plan(
    layers: &[LayerConfig],
    input: &SequenceSpec,
    context: &BuildContext,
) -> std::result::Result<Vec<LayerPlan>, ChainMistake> {
    let mut plans: Vec<LayerPlan> = Vec::with_capacity(layers.len());
    let mut input = input.clone();
    let mut before: Option<&LayerConfig> = None;
    for (index, layer) in layers.iter().enumerate() {
        let planned = layer.spec().plan(&input, &context.at(index, layers)).and_then(|plan| {
            let sizes = [&[context.time_steps], plan.output.shape.as_slice()].concat();
            numbers("its output of all time-steps", &sizes)?;
            Ok(plan)
        });
        let mut plan = planned.map_err(|problem| (index, problem))?;
        if before.is_some_and(|before| before.fuses(Some(layer))) {
            (plan.fused, plan.kept) = (true, SavedForBackward::Nothing);
        }
        input = plan.output.clone();
        before = Some(layer);
        plans.push(plan);
    }
    Ok(plans)
}

impl Chain {
    /// The layers that `plans` describe, with initial weights.
    pub fn build(layers: &[LayerConfig], plans: &[LayerPlan], context: &BuildContext) -> Result<Self> {
        let prefix = context.list;
        let mut nodes = Vec::with_capacity(layers.len());
        for (index, (layer, plan)) in layers.iter().zip(plans).enumerate() {
            if plan.fused {
                continue;
            }
            let context = context.at(index, layers);
            let next = context.following.first();
            let (last, spiking) = match next {
                Some(next) if layer.fuses(Some(next)) => (index.saturating_add(1), next),
                _ => (index, layer),
            };
            let neurons = matches!(spiking, LayerConfig::Lif(_)).then(|| format!("{prefix}.{last}.lif"));
            let place =
                Place { index, name: format!("{prefix}.{index}"), neurons, neurons_name: format!("{prefix}.{last}") };
            nodes.push(Node { place, layer: layer.build(next, plan, &context)?, frozen: false });
        }
        Ok(Self { nodes, nested: prefix != "layers", first_trained: 0, firing_rate: FiringRateConfig::default() })
    }

    /// Freezes the layers of which `is_frozen` says so by name: those of lists within this one, too.
    pub fn freeze(&mut self, is_frozen: &dyn Fn(&str) -> bool) {
        for Node { place, layer, frozen } in &mut self.nodes {
            let mut inside = layer.chains_mut();
            // A layer that holds others is frozen where they are.
            *frozen = inside.is_empty() && is_frozen(&place.name);
            inside.iter_mut().for_each(|chain| chain.freeze(is_frozen));
        }
        self.first_trained = self.nodes.iter().position(Node::learns).unwrap_or_default();
    }

    /// The names of the layers that hold tensors, those of lists within this one too.
    pub fn learning(&self) -> Vec<String> {
        let of = |Node { place, layer, .. }: &Node| {
            let inside: Vec<String> = layer.chains().into_iter().flat_map(Self::learning).collect();
            let own = (inside.is_empty() && !layer.state().is_empty()).then(|| place.name.clone());
            own.into_iter().chain(inside).collect::<Vec<_>>()
        };
        self.nodes.iter().flat_map(of).collect()
    }

    /// [`parameters`](Self::parameters) of the layers that are not frozen.
    pub fn trained_parameters(&self) -> Vec<(String, &Parameter)> {
        self.parameters_of(&|node| !node.frozen)
    }

    /// Learned tensors of the layers that are `taken`.
    fn parameters_of(&self, taken: &dyn Fn(&Node) -> bool) -> Vec<(String, &Parameter)> {
        let mut found = Vec::new();
        for Node { place, layer, .. } in self.nodes.iter().filter(|node| taken(node)) {
            found.extend(layer.parameters().into_iter().map(|p| (place.tensor(p.name), p)));
            layer.chains().into_iter().for_each(|chain| found.extend(chain.parameters_of(taken)));
        }
        found
    }

    /// Training: the last layer's sequence and what [`backward`](Self::backward) needs, layer by layer.
    pub fn forward(
        &mut self,
        x: Tensor,
        context: &ForwardContext<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(Tensor, Vec<SavedTensors>)> {
        let penalty = self.firing_rate;
        let nodes = self.nodes.iter_mut().map(|node| (&node.place, (&mut node.layer, node.frozen)));
        through(nodes, self.nested, x, observer, |(layer, frozen), x, observer| {
            let (output, saved) = match frozen {
                false => layer.forward_observed(x, context, observer)?,
                true => layer.evaluate_saving(x)?,
            };
            let paid = output.fired.as_ref().filter(|_| penalty.penalty > 0.0);
            let spike_gradient = paid.map(|fired| penalty.spike_gradient(fired, &output.sequence)).transpose()?;
            Ok((None, output, saved.with_spike_gradient(spike_gradient)))
        })
    }

    /// Evaluation: the last layer's sequence.
    pub fn evaluate(&self, x: Tensor, observer: &mut dyn Observer) -> Result<Tensor> {
        let (y, _) = through(self.nodes(), self.nested, x, observer, |layer, x, observer| {
            let output = layer.evaluate_observed(&x, observer)?;
            Ok((Some(x), output, SavedTensors::nothing()))
        })?;
        Ok(y)
    }

    /// Evaluation that can be walked back by [`input_gradient`](Self::input_gradient).
    pub fn evaluate_saving(&self, x: Tensor) -> Result<(Tensor, Vec<SavedTensors>)> {
        through(self.nodes(), self.nested, x, &mut (), |layer, x, _| {
            let (output, saved) = layer.evaluate_saving(x)?;
            Ok((None, output, saved))
        })
    }

    /// Adds the gradients of all parameters, from that of the last layer's sequence; the first layer's input's gradient
    /// where it is `wanted`. Each entry of `saved` is freed as it is used.
    pub fn backward(
        &mut self,
        saved: Vec<SavedTensors>,
        mut grad: Tensor,
        wanted: bool,
        observer: &mut dyn Observer,
    ) -> Result<Option<Tensor>> {
        // Where a pool hands on the gradient of its means as it is: their window.
        let mut means = None;
        let readers: Vec<bool> = self.nodes.iter().map(|node| node.layer.reads_means() && !node.frozen).collect();
        let first_trained = self.first_trained;
        for (i, (node, saved)) in self.nodes.iter_mut().zip(saved).enumerate().rev() {
            let (needed, read) =
                (i > first_trained || wanted, i.checked_sub(1).and_then(|i| readers.get(i)) == Some(&true));
            if let Some(spike_gradient) = saved.spike_gradient() {
                let (height, width): Window = means.unwrap_or((1, 1));
                grad = with_spike_gradient(&grad, spike_gradient, height.saturating_mul(width))?;
            }
            let next = match (means.take(), node.layer.spreads(&grad).filter(|_| read)) {
                (_, _) if node.frozen => needed.then(|| node.layer.input_gradient(saved, grad.clone())).transpose()?,
                (Some(window), _) => node.layer.backward_of_means(saved, &grad, window, needed)?,
                (None, Some(window)) => {
                    means = Some(window);
                    Some(grad)
                }
                (None, None) => {
                    observer.gradient(&node.place.name, &grad)?;
                    node.layer.backward_observed(saved, grad, needed, observer)?
                }
            };
            if !self.nested {
                observer.backward(&node.place.name);
            }
            match next {
                Some(next) => grad = next,
                None => return Ok(None),
            }
        }
        Ok(Some(grad))
    }

    /// The input's gradient of an evaluation, weights and running statistics being constants.
    pub fn input_gradient(&self, saved: Vec<SavedTensors>, grad: Tensor) -> Result<Tensor> {
        self.nodes.iter().zip(saved).rev().try_fold(grad, |grad, (node, saved)| node.layer.input_gradient(saved, grad))
    }

    /// What is paid for spikes from here on, of lists within this one too.
    pub fn set_firing_rate(&mut self, firing_rate: FiringRateConfig) {
        self.firing_rate = firing_rate;
        let inside = self.nodes.iter_mut().flat_map(|node| node.layer.chains_mut());
        inside.for_each(|chain| chain.set_firing_rate(firing_rate));
    }

    /// Running statistics follow the batch's with this momentum from here on.
    pub fn set_momentum(&mut self, momentum: f64) {
        for node in &mut self.nodes {
            node.layer.set_momentum(momentum);
            node.layer.chains_mut().into_iter().for_each(|chain| chain.set_momentum(momentum));
        }
    }

    /// Learned tensors with their full names (`layers.0.weight`), in the order of the layers.
    pub fn parameters(&self) -> Vec<(String, &Parameter)> {
        self.parameters_of(&|_| true)
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> Vec<(String, &mut Parameter)> {
        let mut found = Vec::new();
        for Node { place, layer, .. } in &mut self.nodes {
            if layer.chains().is_empty() {
                found.extend(layer.parameters_mut().into_iter().map(|p| (place.tensor(p.name), p)));
            } else {
                layer.chains_mut().into_iter().for_each(|chain| found.extend(chain.parameters_mut()));
            }
        }
        found
    }

    /// All tensors of a checkpoint: parameters and running statistics.
    pub fn state(&self) -> Vec<(String, &Tensor)> {
        let mut found = Vec::new();
        for Node { place, layer, .. } in &self.nodes {
            found.extend(layer.state().into_iter().map(|(name, tensor)| (place.tensor(name), tensor)));
            layer.chains().into_iter().for_each(|chain| found.extend(chain.state()));
        }
        found
    }

    /// The same, to be replaced.
    pub fn state_mut(&mut self) -> Vec<(String, &mut Tensor)> {
        let mut found = Vec::new();
        for Node { place, layer, .. } in &mut self.nodes {
            if layer.chains().is_empty() {
                found.extend(layer.state_mut().into_iter().map(|(name, tensor)| (place.tensor(name), tensor)));
            } else {
                layer.chains_mut().into_iter().for_each(|chain| found.extend(chain.state_mut()));
            }
        }
        found
    }

    fn nodes(&self) -> impl Iterator<Item = (&Place, &Box<dyn Layer>)> {
        self.nodes.iter().map(|node| (&node.place, &node.layer))
    }
}

impl Node {
    /// Whether it, or a layer that it holds, has parameters that are trained.
    fn learns(&self) -> bool {
        let inside = self.layer.chains();
        match inside.is_empty() {
            true => !self.frozen && !self.layer.parameters().is_empty(),
            false => inside.iter().any(|chain| chain.nodes.iter().any(Self::learns)),
        }
    }
}

impl Place {
    /// `layers.3.weight`.
    fn tensor(&self, name: &str) -> String {
        let layer = if [LEAK_LOGIT, THRESHOLD].contains(&name) { &self.neurons_name } else { &self.name };
        format!("{layer}.{name}")
    }
}

/// Takes a sequence through layers. `apply` gives the input back where the layer has not taken it over, the output, and
/// what the way back needs.
fn through<'n, L>(
    nodes: impl Iterator<Item = (&'n Place, L)>,
    nested: bool,
    mut x: Tensor,
    observer: &mut dyn Observer,
    mut apply: impl FnMut(L, Tensor, &mut dyn Observer) -> Result<(Option<Tensor>, Output, SavedTensors)>,
) -> Result<(Tensor, Vec<SavedTensors>)> {
    let mut all = Vec::new();
    for (Place { index, name, neurons, .. }, layer) in nodes {
        let (input, output, saved) = apply(layer, x, observer)?;
        observer.layer(&LayerIo {
            index: *index,
            name,
            nested,
            neurons: neurons.as_deref(),
            input: input.as_ref(),
            output: &output,
            saved_bytes: saved.bytes(),
        })?;
        all.push(saved);
        x = output.sequence;
    }
    Ok((x, all))
}
