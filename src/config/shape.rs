//! What a node of the JSON schema asks for, in the few forms that schemars derives from serde types.

use serde_json::{Map, Value as Json};

use super::absent::NONE;

/// The keyword, of this program alone, of values that may be absent though earlier files gave them.
pub(super) const MAY_BE_ABSENT: &str = "x-may-be-absent";

/// The schema of the whole file.
pub(super) struct Schema {
    root: Json,
}

/// What a value must be.
pub(super) enum Shape<'s> {
    /// An externally tagged enum: a bare word, or a table with the name of one variant.
    Choice {
        words: Vec<&'s str>,
        variants: Vec<(&'s str, &'s Json)>,
    },
    Table(TableShape<'s>),
    List {
        items: ItemShapes<'s>,
        least: Option<u64>,
        most: Option<u64>,
    },
    Number(Range),
    Text,
    Flag,
    /// An untagged enum.
    Either(Vec<&'s Json>),
    Anything,
}

pub(super) struct TableShape<'s> {
    pub properties: Option<&'s Map<String, Json>>,
    pub required: Vec<&'s str>,
    /// What keys beyond `properties` hold; `None` refuses them.
    pub others: Option<&'s Json>,
}

impl<'s> TableShape<'s> {
    pub fn names(&self) -> Vec<&'s str> {
        self.properties.map(|p| p.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    pub fn property(&self, name: &str) -> Option<&'s Json> {
        self.properties.and_then(|p| p.get(name)).or(self.others)
    }
}

pub(super) enum ItemShapes<'s> {
    All(&'s Json),
    Each(&'s [Json]),
    Any,
}

impl<'s> ItemShapes<'s> {
    pub fn at(&self, index: usize) -> Option<&'s Json> {
        match self {
            Self::All(node) => Some(node),
            Self::Each(nodes) => nodes.get(index),
            Self::Any => None,
        }
    }
}

/// The numbers allowed; a bound is excluded where its flag is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub whole: bool,
    pub single: bool,
    pub low: Option<(f64, bool)>,
    pub high: Option<(f64, bool)>,
}

impl Range {
    pub fn contains(&self, x: f64) -> bool {
        let above = self.low.is_none_or(|(low, excluded)| x > low || (!excluded && x == low));
        let below = self.high.is_none_or(|(high, excluded)| x < high || (!excluded && x == high));
        x.is_finite() && above && below && self.holds(x)
    }

    /// Whether `x` stays a number other than 0 in the type that takes it.
    pub fn holds(&self, x: f64) -> bool {
        !self.single || x == 0.0 || ((x as f32) != 0.0 && (x as f32).is_finite())
    }

    fn from_schema(node: &Json, whole: bool) -> Self {
        let number = |name: &str| node.get(name).and_then(Json::as_f64);
        let format = node.get("format").and_then(Json::as_str).unwrap_or_default();
        // schemars writes no upper bound for the 32-bit integers.
        let (least, most) = match format {
            "uint32" => (Some(0.0), Some(f64::from(u32::MAX))),
            "int32" => (Some(f64::from(i32::MIN)), Some(f64::from(i32::MAX))),
            _ => (None, None),
        };
        let low = number("exclusiveMinimum").map(|x| (x, true));
        let high = number("exclusiveMaximum").map(|x| (x, true));
        Self {
            whole,
            single: format == "float",
            low: low.or_else(|| number("minimum").or(least).map(|x| (x, false))),
            high: high.or_else(|| number("maximum").or(most).map(|x| (x, false))),
        }
    }
}

impl Schema {
    pub fn new(root: Json) -> Self {
        Self { root }
    }

    pub fn root(&self) -> &Json {
        &self.root
    }

    /// Follows `$ref` and the wrappers that schemars puts around it.
    fn resolve<'s>(&'s self, mut node: &'s Json) -> &'s Json {
        // A schema with a circle of references would name no value at all; the bound keeps it from hanging.
        for _ in 0..64 {
            let only = ["allOf", "anyOf", "oneOf"]
                .iter()
                .find_map(|name| node.get(name).and_then(Json::as_array).filter(|list| list.len() == 1));
            let next = match node.get("$ref").and_then(Json::as_str) {
                Some(reference) => self.root.pointer(reference.trim_start_matches('#')),
                None => only.filter(|_| node.get("type").is_none()).and_then(|list| list.first()),
            };
            match next {
                // A one-variant enum is a choice, not a wrapper.
                Some(next) if !(node.get("oneOf").is_some() && variant(next).is_some()) => node = next,
                _ => break,
            }
        }
        node
    }

    pub fn shape<'s>(&'s self, node: &'s Json) -> Shape<'s> {
        let node = self.resolve(node);
        if let Some(list) = node.get("oneOf").and_then(Json::as_array) {
            return choice(list).unwrap_or_else(|| Shape::Either(list.iter().collect()));
        }
        if let Some(list) = node.get("anyOf").and_then(Json::as_array) {
            return Shape::Either(list.iter().collect());
        }
        if let Some(words) = words(node) {
            return Shape::Choice { words, variants: Vec::new() };
        }
        match node.get("type").and_then(Json::as_str) {
            Some("object") => Shape::Table(table(node)),
            Some("array") => Shape::List {
                items: match node.get("items") {
                    Some(Json::Array(nodes)) => ItemShapes::Each(nodes),
                    Some(node) => ItemShapes::All(node),
                    None => ItemShapes::Any,
                },
                least: node.get("minItems").and_then(Json::as_u64),
                most: node.get("maxItems").and_then(Json::as_u64),
            },
            Some("number") => Shape::Number(Range::from_schema(node, false)),
            Some("integer") => Shape::Number(Range::from_schema(node, true)),
            Some("string") => Shape::Text,
            Some("boolean") => Shape::Flag,
            _ => Shape::Anything,
        }
    }

    /// Whether `"none"` stands for the absence of what `node` describes, and is no word of its own there.
    pub fn may_be_absent(&self, node: &Json) -> bool {
        let own = || match self.shape(node) {
            Shape::Choice { words, variants } => {
                words.contains(&NONE) || variants.iter().any(|(variant, _)| *variant == NONE)
            }
            _ => false,
        };
        node.get(MAY_BE_ABSENT).is_some() && !own()
    }

    /// The node of a dotted path of table keys.
    pub fn at<'s>(&'s self, names: &[String]) -> Option<&'s Json> {
        names.iter().try_fold(&self.root, |node, name| match self.shape(node) {
            Shape::Table(table) => table.property(name),
            _ => None,
        })
    }
}

fn table(node: &Json) -> TableShape<'_> {
    let required = node.get("required").and_then(Json::as_array);
    let any = node.get("additionalProperties");
    TableShape {
        properties: node.get("properties").and_then(Json::as_object),
        required: required.map(|list| list.iter().filter_map(Json::as_str).collect()).unwrap_or_default(),
        // serde ignores unknown keys unless told not to; this file never does.
        others: any.filter(|others| others.is_object() || others.as_bool() == Some(true)),
    }
}

/// The strings that a node allows, if it allows nothing else.
fn words(node: &Json) -> Option<Vec<&str>> {
    if let Some(word) = node.get("const").and_then(Json::as_str) {
        return Some(vec![word]);
    }
    node.get("enum")?.as_array()?.iter().map(Json::as_str).collect()
}

/// The name and payload of a node for one variant with a payload.
fn variant(node: &Json) -> Option<(&str, &Json)> {
    let properties = node.get("properties")?.as_object().filter(|p| p.len() == 1)?;
    let (name, payload) = properties.iter().next()?;
    let required = node.get("required")?.as_array()?;
    matches!(required.as_slice(), [only] if only.as_str() == Some(name)).then_some((name.as_str(), payload))
}

fn choice(list: &[Json]) -> Option<Shape<'_>> {
    let (mut all_words, mut variants) = (Vec::new(), Vec::new());
    for node in list {
        match (words(node), variant(node)) {
            (Some(words), _) => all_words.extend(words),
            (None, Some(variant)) => variants.push(variant),
            (None, None) => return None,
        }
    }
    Some(Shape::Choice { words: all_words, variants })
}
