//! Dotted keys: `network.layers[3].conv.channels`.

use std::fmt;

use toml::de::{DeTable, DeValue};

/// One step from a table to one of its keys, or from a list to one of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Name(String),
    Index(usize),
}

impl Step {
    /// The step as an index into a list; `layers.2` and `layers[2]` are the same.
    pub fn as_index(&self) -> Option<usize> {
        match self {
            Self::Index(i) => Some(*i),
            Self::Name(name) => name.parse().ok(),
        }
    }

    /// The step as a key of a table.
    pub fn as_name(&self) -> String {
        match self {
            Self::Index(i) => i.to_string(),
            Self::Name(name) => name.clone(),
        }
    }
}

/// A path from the top of the file; empty for the whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Key(pub Vec<Step>);

impl Key {
    pub fn name(&self, name: &str) -> Self {
        self.then(Step::Name(name.to_owned()))
    }

    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Reads `a.b.2.c`, `a.b[2].c` and `a."b c"`; all steps but those in brackets are names.
    pub fn parse(text: &str) -> Result<Self, String> {
        let dotted = text.replace('[', ".").replace(']', "");
        let document = format!("{dotted} = 0");
        let table = DeTable::parse(&document).map_err(|_| format!("`{text}` is not a key like `a.b` or `a[2].b`"))?;
        let mut steps = Vec::new();
        let mut table = table.get_ref();
        loop {
            let mut entries = table.iter();
            let (Some((name, value)), None) = (entries.next(), entries.next()) else {
                return Err(format!("`{text}` is not one key"));
            };
            steps.push(Step::Name(name.get_ref().to_string()));
            match value.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ => return Ok(Self(steps)),
            }
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Name(name) => write!(f, "{}{}", if i == 0 { "" } else { "." }, quoted(name))?,
            }
        }
        Ok(())
    }
}

/// `name` as TOML writes it before `=`.
pub(super) fn quoted(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { format!("{name:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_brackets_name_the_same_entry() {
        for text in ["network.layers.2.lif.leak", "network.layers[2].lif.leak"] {
            let key = Key::parse(text).unwrap();
            assert_eq!(key.0.len(), 5);
            assert_eq!(key.0[2].as_index(), Some(2));
        }
        assert_eq!(Key::default().name("a b").index(3).name("c").to_string(), "\"a b\"[3].c");
        assert_eq!(Key::parse("\"a b\".c").unwrap().to_string(), "\"a b\".c");
    }

    #[test]
    fn broken_keys_are_refused() {
        for text in ["", "a..b", ".a", "a b", "a.", "a = 1\nb"] {
            assert!(Key::parse(text).is_err(), "{text:?}");
        }
    }
}
