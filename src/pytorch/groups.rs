//! A state dictionary's tensors, grouped by the layers that they belong to.

use candle_core::Tensor;

/// What kind of layer it is, as its tensors' shapes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TensorGroupKind {
    Conv,
    Linear,
    Norm,
}

impl TensorGroupKind {
    /// In the plural.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conv => "convolutions",
            Self::Linear => "linear layers",
            Self::Norm => "norms",
        }
    }
}

/// The tensors of a module: those whose names agree up to the last dot.
#[derive(Debug, Clone)]
pub struct TensorGroup {
    pub name: String,
    /// By the last part of their names.
    pub tensors: Vec<(String, Tensor)>,
}

impl TensorGroup {
    pub fn get(&self, key: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|(name, _)| name == key).map(|(_, tensor)| tensor)
    }

    /// Nothing where its tensors are those of none of the three.
    pub fn kind(&self) -> Option<TensorGroupKind> {
        if self.get("running_mean").is_some() && self.get("running_var").is_some() {
            return Some(TensorGroupKind::Norm);
        }
        match self.get("weight")?.rank() {
            4 => Some(TensorGroupKind::Conv),
            2 => Some(TensorGroupKind::Linear),
            _ => None,
        }
    }

    fn channels(&self) -> Option<usize> {
        self.get("running_mean").map(Tensor::elem_count)
    }
}

/// The groups of `tensors`, in the order of their first.
pub fn grouped(tensors: &[(String, Tensor)]) -> Vec<TensorGroup> {
    let mut groups: Vec<TensorGroup> = Vec::new();
    for (name, tensor) in tensors {
        let (of, key) = name.rsplit_once('.').unwrap_or(("", name));
        let entry = (key.to_string(), tensor.clone());
        // A module's tensors follow one another.
        match groups.last_mut().filter(|group| group.name == of) {
            Some(group) => group.tensors.push(entry),
            None => groups.push(TensorGroup { name: of.into(), tensors: vec![entry] }),
        }
    }
    groups
}

/// Norms of one list, `bntt1.0`, `bntt1.1`, ...: a norm for every time-step. A norm by itself is a list of one.
pub struct NormList {
    /// `bntt1`, or the norm's own name.
    pub name: String,
    pub steps: Vec<TensorGroup>,
}

/// Norms one after the other, those of a list together: numbered from 0 without a gap, and as wide.
pub fn norm_lists(norms: &[TensorGroup]) -> Vec<NormList> {
    let mut lists: Vec<NormList> = Vec::new();
    for norm in norms {
        let (list, number) = match norm.name.rsplit_once('.') {
            Some((list, number)) => (list, number.parse::<usize>().ok()),
            None => ("", None),
        };
        let goes_on = |last: &&mut NormList| {
            let width = last.steps.first().and_then(TensorGroup::channels);
            last.name == list && number == Some(last.steps.len()) && width == norm.channels()
        };
        match lists.last_mut().filter(goes_on) {
            Some(last) => last.steps.push(norm.clone()),
            None if number == Some(0) => lists.push(NormList { name: list.into(), steps: vec![norm.clone()] }),
            None => lists.push(NormList { name: norm.name.clone(), steps: vec![norm.clone()] }),
        }
    }
    lists
}
