//! One TOML file: its values for figment, and where each of them stands.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Tag, Value};
use figment::{Metadata, Profile, Provider, Source};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::KeyPath;
use super::{syntax, tree};

use crate::error::Mistake;
use crate::files::{excerpt, nesting};

/// Where a key and its value stand, in bytes; entries of a list have no key of their own.
#[derive(Debug, Clone)]
pub(super) struct Position {
    pub key: Range<usize>,
    pub value: Range<usize>,
}

#[derive(Debug)]
pub(super) struct ConfigFile {
    /// As messages name it.
    pub name: String,
    path: PathBuf,
    text: String,
    dict: Dict,
    /// By dotted key.
    positions: HashMap<String, Position>,
}

impl ConfigFile {
    /// Reads `text`, which `path` holds.
    ///
    /// # Errors
    /// All syntax errors.
    pub fn parse(name: &str, path: &Path, text: String) -> Result<Self, Vec<Mistake>> {
        let mut file = Self {
            name: name.to_owned(),
            path: path.to_path_buf(),
            text,
            dict: Dict::new(),
            positions: HashMap::new(),
        };
        let text = std::mem::take(&mut file.text);
        if let Err((offset, problem)) = nesting::check(&text) {
            file.text = text;
            return Err(file.syntax_errors(vec![(offset..offset, format!("{problem}."))]));
        }
        let (table, errors) = DeTable::parse_recoverable(&text);
        let mut found = if errors.is_empty() { Vec::new() } else { syntax::mistakes(&text, &errors) };
        if found.is_empty() {
            let (start, end) = (table.span().start, table.span().end);
            let root = Spanned::new(start..end, DeValue::Table(table.into_inner()));
            match tree::from_toml(&root, Tag::Default) {
                Ok(Value::Dict(_, dict)) => {
                    file.dict = dict;
                    file.note_inside(root.get_ref(), &KeyPath::default());
                }
                Ok(_) => {}
                Err((span, problem)) => found.push((span, format!("{problem}."))),
            }
        }
        file.text = text;
        if found.is_empty() { Ok(file) } else { Err(file.syntax_errors(found)) }
    }

    /// One mistake a line, in the order of the lines.
    fn syntax_errors(&self, mut found: Vec<syntax::SyntaxMistake>) -> Vec<Mistake> {
        found.sort_by_key(|(span, _)| span.start);
        // Lines are not counted for every error: there may be as many errors as bytes.
        let mut line_end = None;
        found.retain(|(span, _)| {
            let first = line_end.is_none_or(|end| span.start > end);
            if first {
                let rest = self.text.get(span.start..).unwrap_or_default();
                line_end = Some(span.start.saturating_add(rest.find('\n').unwrap_or(rest.len())));
            }
            first
        });
        found.truncate(syntax::MOST);
        found.into_iter().map(|(span, problem)| self.mistake(&span, "", problem)).collect()
    }

    /// A mistake that stands at `span`.
    pub fn mistake(&self, span: &Range<usize>, key: &str, problem: String) -> Mistake {
        let (place, excerpt) = (self.place(span.start), excerpt::of_text(&self.text, span));
        Mistake { place, key: key.to_owned(), problem, excerpt, argument: None }
    }

    fn note(&mut self, table: &DeTable<'_>, key: &KeyPath) {
        for (name, value) in table {
            let key = key.name(name.get_ref());
            let position = Position { key: name.span(), value: value.span() };
            self.positions.insert(key.to_string(), position);
            self.note_inside(value.get_ref(), &key);
        }
    }

    fn note_inside(&mut self, value: &DeValue<'_>, key: &KeyPath) {
        match value {
            DeValue::Table(table) => self.note(table, key),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    let key = key.index(i);
                    self.positions.insert(key.to_string(), Position { key: item.span(), value: item.span() });
                    self.note_inside(item.get_ref(), &key);
                }
            }
            _ => {}
        }
    }

    pub fn is_empty(&self) -> bool {
        self.dict.is_empty()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn dict(&self) -> &Dict {
        &self.dict
    }

    /// Takes a top-level value out of the file.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.dict.remove(name)
    }

    pub fn position(&self, key: &KeyPath) -> Option<Position> {
        self.positions.get(&key.to_string()).cloned()
    }

    /// `file:line:column` of a byte offset.
    pub fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.name, excerpt::place(&self.text, offset))
    }
}

impl Provider for ConfigFile {
    fn metadata(&self) -> Metadata {
        Metadata::from("experiment file", Source::File(self.path.clone()))
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}
