//! Dotted keys: `network.layers[3].conv.channels`.

use std::fmt;

use toml::de::{DeTable, DeValue};

/// One step from a table to one of its keys, or from a list to one of its entries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyStep {
    Name(String),
    Index(usize),
}

impl KeyStep {
    /// The step as an index into a list; `layers.2` and `layers[2]` are the same.
    pub fn as_index(&self) -> Option<usize> {
        match self {
            Self::Index(i) => Some(*i),
            Self::Name(name) if name.bytes().all(|byte| byte.is_ascii_digit()) => name.parse().ok(),
            Self::Name(_) => None,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyPath(pub Vec<KeyStep>);

impl KeyPath {
    pub fn name(&self, name: &str) -> Self {
        self.then(KeyStep::Name(name.to_owned()))
    }

    pub fn index(&self, index: usize) -> Self {
        self.then(KeyStep::Index(index))
    }

    fn then(&self, step: KeyStep) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Reads `a.b.2.c`, `a.b[2].c` and `a."b c"`, all steps as names.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a key like `a.b` or `a[2].b`");
        let document = format!("{} = 0", dotted(text).ok_or_else(wrong)?);
        let table = DeTable::parse(&document).map_err(|_| wrong())?;
        let mut steps = Vec::new();
        let mut table = table.get_ref();
        loop {
            let mut entries = table.iter();
            let (Some((name, value)), None) = (entries.next(), entries.next()) else {
                return Err(format!("`{text}` is not one key"));
            };
            steps.push(KeyStep::Name(name.get_ref().to_string()));
            match value.get_ref() {
                DeValue::Table(inner) => table = inner,
                _ => return Ok(Self(steps)),
            }
        }
    }
}

/// `a[2].b` as `a.2.b`; nothing where brackets hold something other than a number, or stand elsewhere than after a
/// name.
fn dotted(text: &str) -> Option<String> {
    let (mut dotted, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['[', ']', '"', '\'']) {
        let (before, from) = rest.split_at_checked(at)?;
        let mark = from.chars().next()?;
        let after = from.strip_prefix(mark)?;
        dotted.push_str(before);
        rest = match mark {
            '[' => {
                let (number, after) = after.split_once(']')?;
                let digits = number.strip_prefix('-').unwrap_or(number);
                let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                let ends = after.is_empty() || after.starts_with(['.', '[']);
                dotted.push_str(&format!(".{}", Some(number).filter(|_| is_number && ends)?));
                after
            }
            ']' => return None,
            quote => {
                let (quoted, after) = after.split_once(quote)?;
                dotted.push_str(&format!("{quote}{quoted}{quote}"));
                after
            }
        };
    }
    Some(dotted + rest)
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                KeyStep::Index(index) => write!(f, "[{index}]")?,
                KeyStep::Name(name) => write!(f, "{}{}", if i == 0 { "" } else { "." }, quoted(name))?,
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
            let key = KeyPath::parse(text).unwrap();
            assert_eq!(key.0.len(), 5);
            assert_eq!(key.0[2].as_index(), Some(2));
        }
        assert_eq!(KeyPath::default().name("a b").index(3).name("c").to_string(), "\"a b\"[3].c");
        assert_eq!(KeyPath::parse("\"a b\".c").unwrap().to_string(), "\"a b\".c");
        let step = KeyStep::Name("a[0].b".to_owned());
        assert_eq!(KeyPath::parse("'a[0].b'[12][3]").unwrap().0[0], step, "brackets in quotes are letters");
        assert_eq!(KeyStep::Name("+1".to_owned()).as_index(), None);
    }

    #[test]
    fn broken_keys_are_refused() {
        let of_brackets =
            ["a]b", "a[3", "a3]", "a[b]", "a[]", "a[3]b", "[3]", "[[3]]", "a.[3]", "a[+1]", "a[1.2]", "a['0']", "'a"];
        for text in ["", "a..b", ".a", "a b", "a.", "a = 1\nb"].into_iter().chain(of_brackets) {
            assert!(KeyPath::parse(text).is_err(), "{text:?}");
        }
    }
}
