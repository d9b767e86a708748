//! Values in few words, for people who compare them.

use toml::Value;

/// A list of more numbers or names than these is told by its length.
const MOST_ENTRIES: usize = 4;

/// A value at a key as people say it: `bntt`, `tdbn { alpha = 0.7 }`, `[0.5, 0.7]`. A list of tables, or a long one, is
/// told by its length, and one of layers always: `9 layers`, `12 entries`.
pub fn words(key: &str, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if is_of_layers(key) => {
            format!("{} {}", items.len(), if items.len() == 1 { "layer" } else { "layers" })
        }
        Value::Array(items) if items.len() > MOST_ENTRIES || items.iter().any(is_nested) => {
            format!("{} {}", items.len(), if items.len() == 1 { "entry" } else { "entries" })
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| words("", item)).collect::<Vec<_>>().join(", "))
        }
        Value::Table(table) => match table.iter().next() {
            Some((name, Value::Table(inner))) if table.len() == 1 && inner.is_empty() => name.clone(),
            Some((name, inner @ Value::Table(_))) if table.len() == 1 => format!("{name} {}", words(name, inner)),
            _ => {
                let settings = table.iter().map(|(name, value)| format!("{name} = {}", words(name, value)));
                format!("{{ {} }}", settings.collect::<Vec<_>>().join(", "))
            }
        },
        other => other.to_string(),
    }
}

fn is_of_layers(key: &str) -> bool {
    matches!(key.rsplit('.').next(), Some("layers" | "shortcut"))
}

fn is_nested(value: &Value) -> bool {
    value.is_table() || value.is_array()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::parse;

    #[test]
    fn choices_are_named_and_lists_counted() {
        for (key, value, expected) in [
            ("network.layers[1]", "'bntt'", "bntt"),
            ("network.layers[1]", "{ bntt = {} }", "bntt"),
            ("network.layers[1]", "{ tdbn = { alpha = 0.7 } }", "tdbn { alpha = 0.7 }"),
            ("network.layers", "['lif', { conv = { channels = 8 } }]", "2 layers"),
            (
                "network.layers[3]",
                "{ residual = { layers = [{ a = 1 }], join = 'sum' } }",
                "residual { layers = 1 layer, join = sum }",
            ),
            ("training.checkpoint_every", "{ steps = 5 }", "{ steps = 5 }"),
            ("schedule.milestones.at", "[0.5, 0.7]", "[0.5, 0.7]"),
            ("a", "[1, 2, 3, 4, 5]", "5 entries"),
            ("a", "1e-4", "0.0001"),
        ] {
            assert_eq!(words(key, &parse(value)), expected, "{key} = {value}");
        }
    }
}
