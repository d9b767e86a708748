//! Pickles as data: what they would build is noted, and nothing of it is run.
//!
//! Values lie side by side and name each other by number, so that a value which is used often is there once, nesting
//! costs no stack, and a file has no more values than bytes. Protocols 2 to 4, as far as `torch.save` uses them.

use std::collections::BTreeMap;

/// The place of a value.
pub type ValueId = usize;

/// More values than this are no state dictionary.
const MOST_VALUES: usize = 1 << 20;

/// What a pickle builds.
#[derive(Debug)]
pub enum Pickled {
    Text(String),
    Whole(i64),
    /// `torch._utils._rebuild_tensor_v2`.
    Class(String),
    /// A tuple, a list or a set.
    Items(Vec<ValueId>),
    Dict(Vec<(ValueId, ValueId)>),
    /// A function or class with its arguments, uncalled.
    Call(ValueId, ValueId),
    /// What lies outside the pickle, with its description.
    Outside(ValueId),
    /// Where a tuple or list begins.
    Mark,
    /// Floats, bytes, booleans and None, which no tensor's description needs.
    Other,
}

/// The values of a pickle.
pub struct Pickle {
    values: Vec<Pickled>,
    pub root: ValueId,
}

impl Pickle {
    pub fn get(&self, id: ValueId) -> &Pickled {
        self.values.get(id).unwrap_or(&Pickled::Other)
    }

    pub fn values(&self) -> impl Iterator<Item = &Pickled> {
        self.values.iter()
    }

    pub fn text(&self, id: ValueId) -> Option<&str> {
        if let Pickled::Text(text) = self.get(id) { Some(text) } else { None }
    }

    pub fn whole(&self, id: ValueId) -> Option<usize> {
        if let &Pickled::Whole(whole) = self.get(id) { usize::try_from(whole).ok() } else { None }
    }

    pub fn class(&self, id: ValueId) -> Option<&str> {
        if let Pickled::Class(class) = self.get(id) { Some(class) } else { None }
    }

    pub fn items(&self, id: ValueId) -> Option<&[ValueId]> {
        if let Pickled::Items(items) = self.get(id) { Some(items) } else { None }
    }

    /// The sizes or strides of a tensor.
    pub fn wholes(&self, id: ValueId) -> Option<Vec<usize>> {
        self.items(id)?.iter().map(|&item| self.whole(item)).collect()
    }
}

/// Reads the pickle that `bytes` begin with, and takes it off.
///
/// # Errors
/// A sentence's part for what is malformed, and for codes that `torch.save` does not write.
pub fn read(bytes: &mut &[u8]) -> Result<Pickle, String> {
    let length = bytes.len();
    let mut machine = Unpickler { bytes, values: Vec::new(), stack: Vec::new(), memo: BTreeMap::new() };
    loop {
        let place = length.saturating_sub(machine.bytes.len());
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => {
                *bytes = machine.bytes;
                return Ok(Pickle { values: machine.values, root });
            }
            Err(problem) => return Err(format!("its pickle, at byte {place}: {problem}")),
        }
    }
}

struct Unpickler<'a> {
    bytes: &'a [u8],
    values: Vec<Pickled>,
    stack: Vec<ValueId>,
    memo: BTreeMap<u64, ValueId>,
}

type Step<T> = Result<T, String>;

impl<'a> Unpickler<'a> {
    fn take(&mut self, count: usize) -> Step<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("the file ends there")?;
        self.bytes = rest;
        Ok(taken)
    }

    /// A little-endian number of `count` bytes, at most 8; fewer are filled with zeros.
    fn number(&mut self, count: usize) -> Step<u64> {
        let taken = self.take(count)?;
        Ok(taken.iter().rev().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn string(&mut self, digits: usize) -> Step<String> {
        let count = usize::try_from(self.number(digits)?).map_err(|_| "a text is too long")?;
        Ok(String::from_utf8_lossy(self.take(count)?).into_owned())
    }

    fn line(&mut self) -> Step<String> {
        let end = self.bytes.iter().position(|&byte| byte == b'\n').ok_or("a line has no end")?;
        let line = String::from_utf8_lossy(self.take(end)?).into_owned();
        self.take(1)?;
        Ok(line)
    }

    fn push(&mut self, value: Pickled) -> Step<()> {
        if self.values.len() >= MOST_VALUES {
            return Err(format!("there are more than {MOST_VALUES} values"));
        }
        self.stack.push(self.values.len());
        self.values.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Step<ValueId> {
        self.stack.pop().ok_or_else(|| "nothing is left to take".into())
    }

    fn last(&self) -> Step<ValueId> {
        self.stack.last().copied().ok_or_else(|| "nothing is left to look at".into())
    }

    /// All above the last mark, which goes.
    fn above_mark(&mut self) -> Step<Vec<ValueId>> {
        let marked = |id: &ValueId| matches!(self.values.get(*id), Some(Pickled::Mark));
        let mark = self.stack.iter().rposition(marked).ok_or("no mark was set")?;
        let above = self.stack.split_off(mark.saturating_add(1));
        self.stack.pop();
        Ok(above)
    }

    fn top(&mut self, count: usize) -> Step<Vec<ValueId>> {
        let at = self.stack.len().checked_sub(count).ok_or("nothing is left to take")?;
        Ok(self.stack.split_off(at))
    }

    fn extend(&mut self, items: &[ValueId]) -> Step<()> {
        let id = self.last()?;
        match self.values.get_mut(id) {
            Some(Pickled::Items(found)) => found.extend(items),
            Some(Pickled::Dict(found)) => {
                let pairs = items.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?)));
                found.extend(pairs);
            }
            _ => {}
        }
        Ok(())
    }

    fn remember(&mut self, number: u64) -> Step<()> {
        let id = self.last()?;
        self.memo.insert(number, id);
        Ok(())
    }

    fn recall(&mut self, number: u64) -> Step<()> {
        let found = *self.memo.get(&number).ok_or("a value is recalled that was never there")?;
        if self.stack.len() >= MOST_VALUES {
            return Err(format!("there are more than {MOST_VALUES} values"));
        }
        self.stack.push(found);
        Ok(())
    }

    /// A call; an ordered dict is a dict.
    fn call(&mut self) -> Step<()> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let dict = matches!(self.values.get(function), Some(Pickled::Class(name))
            if name == "collections.OrderedDict" || name == "collections.defaultdict");
        self.push(if dict { Pickled::Dict(Vec::new()) } else { Pickled::Call(function, arguments) })
    }

    /// One code; the root where the pickle ends.
    fn step(&mut self) -> Step<Option<ValueId>> {
        match self.number(1)? as u8 {
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'.' => return self.pop().map(Some),
            b'(' => self.push(Pickled::Mark)?,
            b'0' => drop(self.pop()?),
            b'}' => self.push(Pickled::Dict(Vec::new()))?,
            b')' | b']' | 0x8f => self.push(Pickled::Items(Vec::new()))?,
            b'N' | 0x88 | 0x89 => self.push(Pickled::Other)?,
            b'G' => {
                self.take(8)?;
                self.push(Pickled::Other)?;
            }
            b'B' => {
                self.string(4)?;
                self.push(Pickled::Other)?;
            }
            b'C' => {
                self.string(1)?;
                self.push(Pickled::Other)?;
            }
            b'K' => {
                let whole = self.number(1)?;
                self.push(Pickled::Whole(whole as i64))?;
            }
            b'M' => {
                let whole = self.number(2)?;
                self.push(Pickled::Whole(whole as i64))?;
            }
            b'J' => {
                let whole = self.number(4)? as u32 as i32;
                self.push(Pickled::Whole(whole.into()))?;
            }
            0x8a => {
                let count = self.number(1)? as usize;
                let whole = self.number(count)?;
                // Of longer ones none is a size.
                self.push(if count > 8 { Pickled::Other } else { Pickled::Whole(whole as i64) })?;
            }
            b'X' => {
                let text = self.string(4)?;
                self.push(Pickled::Text(text))?;
            }
            b'U' | 0x8c => {
                let text = self.string(1)?;
                self.push(Pickled::Text(text))?;
            }
            b'c' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                self.push(Pickled::Class(name))?;
            }
            0x93 => {
                let parts = self.top(2)?;
                let name = |id: &ValueId| match self.values.get(*id) {
                    Some(Pickled::Text(text)) => text.clone(),
                    _ => String::new(),
                };
                let name = parts.iter().map(name).collect::<Vec<_>>().join(".");
                self.push(Pickled::Class(name))?;
            }
            b'q' => {
                let number = self.number(1)?;
                self.remember(number)?;
            }
            b'r' => {
                let number = self.number(4)?;
                self.remember(number)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'h' => {
                let number = self.number(1)?;
                self.recall(number)?;
            }
            b'j' => {
                let number = self.number(4)?;
                self.recall(number)?;
            }
            b't' | b'l' | 0x91 => {
                let items = self.above_mark()?;
                self.push(Pickled::Items(items))?;
            }
            code @ 0x85..=0x87 => {
                let items = self.top(usize::from(code.saturating_sub(0x84)))?;
                self.push(Pickled::Items(items))?;
            }
            b'd' => {
                let items = self.above_mark()?;
                self.push(Pickled::Dict(Vec::new()))?;
                self.extend(&items)?;
            }
            b'u' | b'e' | 0x90 => {
                let items = self.above_mark()?;
                self.extend(&items)?;
            }
            b's' => {
                let pair = self.top(2)?;
                self.extend(&pair)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(&[item])?;
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Pickled::Outside(id))?;
            }
            b'R' | 0x81 => self.call()?,
            // What is set on an object beside its content, such as the versions of a state dictionary.
            b'b' => drop(self.pop()?),
            code => return Err(format!("the code {code:#04x} is none that torch.save writes")),
        }
        Ok(None)
    }
}
