//! Which tensors of a state dictionary are which of a network: by their names where those are this program's, else by
//! kind and order.
//!
//! The convolutions of a file are, first to last, those of the network, and so are its linear layers and its norms; a
//! residual's branch comes before its shortcut. Every shape is compared. A norm is a batch norm of PyTorch: `weight` is
//! gamma, `bias` beta; a list of norms is one with a row for every time-step.

use super::groups::{NormList, TensorGroup, TensorGroupKind, grouped, norm_lists};
use super::state::StateDict;
use crate::error::{Error, Result};
use crate::files::weights;
use candle_core::{DType, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// The tensors of a network, and where each was found.
pub struct Assigned {
    pub model: BTreeMap<String, Tensor>,
    /// The network's names with the file's, in the network's order.
    pub sources: Vec<(String, String)>,
}

type NamedTensor = std::result::Result<(Tensor, String), String>;

/// The tensors of `found` for a network with those of `expected`, in the order of its layers; `file` is for messages.
///
/// # Errors
/// [`Error::Weights`] naming the file: another number of layers of a kind, another shape, a tensor too many or missing.
pub fn assign(expected: &[(String, Vec<usize>)], found: StateDict, file: &Path) -> Result<Assigned> {
    let found = plain(found);
    let shapes: BTreeMap<String, Vec<usize>> = expected.iter().cloned().collect();
    if found.iter().any(|(name, _)| shapes.contains_key(name)) {
        let model: BTreeMap<String, Tensor> = found.into_iter().collect();
        weights::matching(&shapes, &model, file)?;
        let sources = expected.iter().map(|(name, _)| (name.clone(), name.clone())).collect();
        return Ok(Assigned { model: floats(model)?, sources });
    }
    let refuse = |problem: String| Error::Weights(format!("{} does not fit the network: {problem}.", file.display()));
    if file.extension().is_some_and(|extension| extension == "safetensors") {
        return Err(refuse(
            "none of its tensors has a name of the network's, and a safetensors file does not keep the order of layers, by which \
             others are taken: import the file that torch.save wrote"
                .into(),
        ));
    }
    let (model, sources) = by_order(expected, &found).map_err(refuse)?;
    Ok(Assigned { model: floats(model)?, sources })
}

fn floats(model: BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    model.into_iter().map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?))).collect()
}

/// Without what counts batches, and without the prefix of a network on several GPUs.
fn plain(found: StateDict) -> StateDict {
    let wrapped = found.iter().all(|(name, _)| name.starts_with("module."));
    let own = |name: String| name.strip_prefix("module.").filter(|_| wrapped).map_or(name.clone(), str::to_string);
    let kept = |(name, _): &(String, Tensor)| !name.ends_with("num_batches_tracked");
    found.into_iter().filter(kept).map(|(name, tensor)| (own(name), tensor)).collect()
}

/// The model and where its tensors were found, or what does not fit.
type ByOrder = (BTreeMap<String, Tensor>, Vec<(String, String)>);

fn by_order(expected: &[(String, Vec<usize>)], found: &StateDict) -> std::result::Result<ByOrder, String> {
    let groups = grouped(found);
    let of_kind = |kind| groups.iter().filter(move |group| group.kind() == Some(kind)).cloned().collect::<Vec<_>>();
    if let Some(unknown) = groups.iter().find(|group| group.kind().is_none()) {
        let tensors = unknown.tensors.iter().map(|(key, tensor)| format!("{key} {:?}", tensor.dims()));
        let (name, tensors) = (&unknown.name, tensors.collect::<Vec<_>>().join(", "));
        return Err(format!(
            "\"{name}\" ({tensors}) is no convolution, linear layer or batch norm, and what it is cannot be known"
        ));
    }
    let (convs, linears) = (of_kind(TensorGroupKind::Conv), of_kind(TensorGroupKind::Linear));
    let norms = norm_lists(&of_kind(TensorGroupKind::Norm));
    let places = places(expected);
    for (kind, names) in [
        (TensorGroupKind::Conv, names(&convs)),
        (TensorGroupKind::Linear, names(&linears)),
        (TensorGroupKind::Norm, norms.iter().map(|norm| norm.name.as_str()).collect()),
    ] {
        let wanted: Vec<&str> =
            places.iter().filter(|place| place.kind == Some(kind)).map(|place| place.name).collect();
        if wanted.len() != names.len() {
            let (has, wants, kind) = (names.len(), wanted.len(), kind.name());
            return Err(format!(
                "the file has {has} {kind} ({}), and the network {wants} ({})",
                names.join(", "),
                wanted.join(", ")
            ));
        }
    }
    let (mut convs, mut linears, mut norms) = (convs.iter(), linears.iter(), norms.iter());
    let (mut model, mut sources) = (BTreeMap::new(), Vec::new());
    for place in &places {
        let products = match place.kind {
            Some(TensorGroupKind::Conv) => convs.next(),
            Some(TensorGroupKind::Linear) => linears.next(),
            _ => None,
        };
        let norm = if place.kind == Some(TensorGroupKind::Norm) { norms.next() } else { None };
        for (key, name, shape) in &place.tensors {
            let (tensor, source) = match (products, norm) {
                (Some(group), _) => named(group, key),
                (None, Some(norm)) => of_norm(norm, key, shape),
                (None, None) => Err("there is nothing under this name".into()),
            }
            .map_err(|problem| format!("{name} {shape:?}: {problem}"))?;
            if tensor.dims() != shape.as_slice() {
                let found = tensor.dims();
                return Err(format!("{name} was expected to be {shape:?}, and {source} in the file is {found:?}"));
            }
            model.insert(name.to_string(), tensor);
            sources.push((name.to_string(), source));
        }
        let has = |key: &str| place.tensors.iter().any(|(own, ..)| *own == key);
        let groups = products.into_iter().chain(norm.iter().flat_map(|norm| &norm.steps));
        for group in groups {
            let own = if norm.is_some() { "beta" } else { "bias" };
            if let Some(bias) = group.get("bias").filter(|bias| !has(own) && !is_zero(bias)) {
                return Err(format!(
                    "the file has {}.bias {:?}, which is not zero, and {} of the network has no {own}",
                    group.name,
                    bias.dims(),
                    place.name
                ));
            }
        }
    }
    Ok((model, sources))
}

fn names(groups: &[TensorGroup]) -> Vec<&str> {
    groups.iter().map(|group| group.name.as_str()).collect()
}

fn is_zero(tensor: &Tensor) -> bool {
    tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).is_ok_and(|values| values.iter().all(|&v| v == 0.0))
}

/// A layer of the network: `layers.1`, with the last part, the whole and the shape of its tensors' names.
struct TensorPlace<'a> {
    name: &'a str,
    kind: Option<TensorGroupKind>,
    tensors: Vec<(&'a str, &'a str, &'a Vec<usize>)>,
}

fn places(expected: &[(String, Vec<usize>)]) -> Vec<TensorPlace<'_>> {
    let mut places: Vec<TensorPlace<'_>> = Vec::new();
    for (name, shape) in expected {
        let (of, key) = name.rsplit_once('.').unwrap_or(("", name));
        let kind = match (key, shape.len()) {
            ("weight", 4) => Some(TensorGroupKind::Conv),
            ("weight", _) => Some(TensorGroupKind::Linear),
            ("gamma", _) => Some(TensorGroupKind::Norm),
            _ => None,
        };
        match places.last_mut().filter(|place| place.name == of) {
            Some(place) => place.tensors.push((key, name, shape)),
            None => places.push(TensorPlace { name: of, kind, tensors: vec![(key, name, shape)] }),
        }
    }
    places
}

fn named(group: &TensorGroup, key: &str) -> NamedTensor {
    let name = format!("{}.{key}", group.name);
    match group.get(key) {
        Some(tensor) => Ok((tensor.clone(), name)),
        None => Err(format!("the file has no {name}")),
    }
}

/// A tensor of a norm: one row of all time-steps, or one of each.
fn of_norm(norm: &NormList, key: &str, shape: &[usize]) -> NamedTensor {
    let theirs = match key {
        "gamma" => "weight",
        "beta" => "bias",
        "running_mean" | "running_var" => key,
        _ => return Err(format!("the file's norms, of which {} is this one, have no such thing", norm.name)),
    };
    let rows: Vec<Tensor> =
        norm.steps.iter().map(|step| Ok(named(step, theirs)?.0)).collect::<std::result::Result<_, String>>()?;
    let source = match norm.steps.as_slice() {
        [only] => format!("{}.{theirs}", only.name),
        several => format!("{}.0 to {}.{theirs}", norm.name, several.len().saturating_sub(1)),
    };
    let wanted = if shape.len() == 2 { shape.first().copied().unwrap_or(1) } else { 1 };
    if rows.len() != wanted {
        let found = rows.len();
        return Err(match wanted {
            1 => format!("one norm of all time-steps was expected, and {} has {found}: use bntt there", norm.name),
            _ => format!(
                "a norm for each of {wanted} time-steps was expected, and {} has {found}: set network.time_steps, or the kind of norm, \
                 as the file has it",
                norm.name
            ),
        });
    }
    let stacked = if shape.len() == 2 { Tensor::stack(&rows, 0) } else { Tensor::cat(&rows, 0) };
    stacked.map(|tensor| (tensor, source)).map_err(|e| e.to_string())
}
